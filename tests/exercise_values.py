"""One answer for each kind of exercise, worked out by hand: plain numbers, no formula of ours.

Each row names the kind, the numbers of the case, and the answer as one writes it on paper. What
a case needs to know of a model or an accelerator stands in it as a number: 8,030,261,248 parameters
and 32 layers of 8 key-value heads of 128 are Llama 3.1 8B's, 312e12 FLOP/s an A100's.
"""

from typing import Any

M = 1_000_000
G = 1_000_000_000
T = 1_000_000_000_000
DAY = 86_400
GI = 1_073_741_824
LLAMA = 8_030_261_248
FULL = 2 * 32 * 8 * 128 * 2  # bytes of a token of Llama 3.1 8B at BF16

VALUES: tuple[tuple[str, dict[str, Any], float], ...] = (
    # Lesson 00
    ("rate_of", {"users": 20 * M, "requests_per_user": 5}, 1157.407),
    ("traffic_of", {"rate": 300, "message_bytes": 15_000}, 36_000_000),
    ("month_to_second", {"millions": 2592, "days": 30}, 1000),
    ("bytes_of_gib", {"gib": 80}, 85_899_345_920),
    ("download", {"gigabytes": 140, "gbit": 10}, 112),
    ("busy_at_once", {"rate": 150, "milliseconds": 130}, 20),
    ("arithmetic_of_an_answer",
     {"n_params": 3 * G, "tokens": 500, "name": "A100-SXM-80GB"}, 0.009615385),
    ("month_of_traffic", {"mbit": 800}, 259_200_000_000_000),
    ("traffic_of_users", {"users": 8_640_000, "per_day": 4, "message_bytes": 2_000}, 6_400_000),
    ("asked_at_intervals", {"seconds": 30, "tens_of_thousands": 12}, 4000),
    # Lesson 01
    ("size_at", {"key": "llama-3.1-8b", "precision": "INT4"}, 4_015_130_624),
    ("size_at_int8", {"n_params": 33 * G}, 33 * G),
    ("printed_size", {"key": "llama-3.1-8b", "precision": "BF16"}, 16_060_522_496),
    ("bits_with_scales", {"element": 4, "scale": 16, "zero": 4, "group": 32}, 4.625),
    ("size_in_groups", {"key": "llama-3.1-8b", "scale": 16, "group": 128}, LLAMA * 0.515625),
    ("mixture_to_hold",
     {"key": "mixtral-8x7b", "name": "A100-SXM-40GB", "precision": "BF16"}, 3),
    ("chips_that_hold",
     {"key": "llama-3.1-70b", "precision": "BF16", "name": "A100-SXM-80GB"}, 2),
    ("load_from_disk",
     {"key": "llama-3.1-8b", "disk": "sata_ssd_read", "precision": "INT8"}, 14.33975),
    ("spread_over_network", {"key": "llama-3.1-8b", "gbit": 10, "copies": 4}, 51.39367),
    ("copies_of_weights",
     {"key": "llama-3.1-8b", "copies": 3, "precision": "FP32"}, 96_363_134_976),
    ("embedding_of", {"vocab_size": 50_000, "d_model": 1024}, 102_400_000),
    ("attention_of", {"key": "llama-3.1-8b", "layers": 2}, 83_886_080),
    ("mlp_of", {"key": "llama-3.1-8b", "layers": 1}, 176_160_768),
    ("stored_mixture", {"layers": 32, "experts": 8, "per_token": 2, "width": 14_336},
     2 * (2 * G + 45_097_156_608)),
    ("active_mixture", {"layers": 32, "experts": 8, "per_token": 2, "width": 14_336},
     13_274_289_152),
    # Lesson 02
    ("day_of", {"users": 100 * M, "per_day": 10, "size_bytes": 2_000, "index": 0.25}, 2.5 * T),
    ("kept_of", {"registered": 100 * M, "share": 0.1, "record_bytes": 10_000, "days": 60,
                 "replicas": 2}, 2 * (1 * T + 60 * 0.25 * T)),
    ("console_of", {"bytes_per_day": 2_500 * G}, 75 * T),
    ("bill_of", {"hot_days": 73, "days": 365, "replicas": 2, "hot": 0.02, "cold": 0.004},
     365_000 * 0.02 + 1_460_000 * 0.004),
    ("profiles_kept", {"users": 30 * M, "record_bytes": 20_000, "copies": 3}, 1.8 * T),
    ("requests_of_the_active", {"registered": 80 * M, "share": 0.25, "per_day": 6}, 120 * M),
    ("month_of_interactions", {"users": 20 * M, "per_day": 5, "each": 1_500, "index": 0.2},
     5.4 * T),
    ("index_of_a_day", {"users": 20 * M, "per_day": 5, "each": 1_500, "index": 0.2}, 30 * G),
    ("kept_compressed", {"bytes_per_day": 600 * G, "days": 90, "copies": 3, "ratio": 4},
     40.5 * T),
    ("users_grown", {"millions": 10, "growth": 0.1, "months": 3}, 13_310_000),
    ("bytes_grown", {"month": 10, "growth": 0.1, "months": 3}, 33.1 * T),
    ("hot_of", {"kept": 180 * T, "hot_days": 15, "days": 90}, 30 * T),
    ("bill_of_a_share", {"kept": 100 * T, "share": 0.2, "hot": 0.02, "cold": 0.005}, 800),
    ("days_until_full", {"bytes_per_day": 900 * G, "store": 500, "copies": 3}, 185),
    # Lesson 03
    ("cache_at_fp32", {"n_layers": 12, "n_heads": 12, "tokens": 1000}, 73_728_000),
    ("cache_of_a_batch", {"key": "llama-3.1-8b", "batch": 16, "tokens": 4096}, 8 * GI),
    ("bytes_of_a_printed_cache", {"key": "llama-3.1-8b", "tokens": 128_000}, 16_777_216_000),
    ("tokens_of_a_pool", {"key": "llama-3.1-8b", "pool_gib": 24}, 393_216),
    ("cache_of_all_heads",
     {"n_layers": 24, "n_heads": 16, "head_dim": 64, "tokens": 1024}, 100_663_296),
    ("cache_of_a_token", {"key": "llama-3.1-8b", "width": 2}, 131_072),
    ("cache_of_one_head", {"n_layers": 32, "n_heads": 64, "tokens": 1000, "batch": 8},
     131_072_000),
    ("latent_of", {"tokens": 1000, "batch": 4, "width": 2}, 281_088_000),
    ("cache_with_windows", {"tokens": 8192, "batch": 1, "width": 2}, 2_113_929_216),
    ("tokens_in_blocks", {"tokens": 1030, "batch": 4, "block": 16}, 4160),
    ("cache_of_a_rank", {"key": "llama-3.1-8b", "ranks": 4, "batch": 8, "tokens": 4096}, GI),
    ("pool_of", {"key": "llama-3.1-8b", "name": "A100-SXM-80GB", "share": 0.9, "work": 2},
     0.9 * 80 * GI - 16_060_522_496 - 2 * G),
    ("context_that_fits", {"key": "llama-3.1-8b", "pool": 16, "batch": 8}, 16_384),
    ("batch_that_fits", {"key": "llama-3.1-8b", "pool": 20, "tokens": 4096}, 37),
    ("batch_as_large_as_weights", {"key": "llama-3.1-8b", "tokens": 2000}, 61.266),
    ("training_memory", {"key": "llama-3.1-8b", "optimizer": 12}, 16 * LLAMA),
    ("logits_of", {"key": "llama-3.1-8b", "batch": 32, "width": 4}, 16_416_768),
    ("scores_of_attention", {"n_heads": 16, "tokens": 1024, "batch": 1}, 33_554_432),
    ("sequences_in_blocks", {"tokens": 1030, "block": 32, "pool": 4000}, 121),
    # Lesson 04
    ("peak_fleet", {"users": 8_640_000, "requests_per_user": 10, "peak_factor": 2,
                    "n_params": 7 * G, "output_tokens": 400, "name": "A100-SXM-80GB"}, 36),
    ("picture_traffic", {"users": 8_640_000, "requests_per_user": 2, "picture_bytes": 500_000},
     800 * M),
    ("batch_in_memory", {"share": 0.9, "working_bytes": 2 * G, "tokens": 4096}, 108),
    ("readers_needed", {"rate": 120, "output_tokens": 250, "mean_tokens": 500, "batch": 32,
                        "name": "H100-PCIe"}, 9),
    ("peak_of", {"users": 8_640_000, "per_day": 5, "factor": 3}, 1500),
    ("in_flight", {"rate": 120, "seconds": 8}, 960),
    ("rate_of_a_crowd", {"held": 600, "seconds": 5}, 120),
    ("reading_a_step",
     {"key": "llama-3.1-8b", "name": "H100-SXM", "cache": 300 * M, "batch": 16},
     (16_060_522_496 + 4_800_000_000) / 26.8e12),
    ("computing_a_step", {"n_params": 7 * G, "batch": 64, "name": "A100-SXM-80GB"}, 0.002871795),
    ("balance_of", {"name": "A100-SXM-80GB", "width": 8}, 76.508),
    ("the_longer_of_two", {"n_params": 7 * G, "batch": 8, "name": "H100-PCIe"}, 0.007),
    ("reading_a_prompt", {"n_params": 7 * G, "prompt": 2000, "name": "H100-PCIe"}, 0.037037),
    ("tokens_of_a_batch", {"batch": 32, "milliseconds": 20}, 1600),
    ("fleet_by_memory", {"held": 1000, "each": 36, "shares": 4}, 112),
    ("fleet_with_reserve", {"busy": 101, "use": 0.7, "spare": 4}, 149),
    ("wait_in_line", {"milliseconds": 200, "use": 0.8}, 0.8),
    ("streamed_traffic", {"tokens": 500, "event_bytes": 246, "rate": 100}, 100 * M),
    ("links_of", {"rate": 80_000, "kilobytes": 90, "gbit": 25}, 3),
    ("batch_in_time",
     {"key": "llama-3.1-8b", "name": "H100-PCIe", "cache": 200 * M, "target": 20}, 119),
    ("work_of_training", {"n_params": 7 * G, "tokens": 100 * G}, 4.2e21),
    ("time_of_training", {"n_params": 7 * G, "tokens": 100 * G, "name": "A100-SXM-80GB",
                          "count": 64, "use": 0.5}, 420_673),
)  # fmt: skip
