"""Lesson 06's exercises; the hunt has a module of its own."""

from __future__ import annotations

import math
import statistics

from estimator.lesson.exercises import Exercise, Mistake, posed
from estimator.step_time import absolute_error, running_requests
from estimator.units import number_text, seconds_text, share_text


@posed
def error_of_three(
    pairs: tuple[tuple[float, float], ...] = ((0.013, 0.010), (0.016, 0.020), (0.0424, 0.040)),
) -> Exercise:
    """The mean absolute error of three estimates."""
    errors = [float(absolute_error(predicted, measured)) for predicted, measured in pairs]
    estimates, runs = (sum(column) for column in zip(*pairs, strict=True))
    missed = sum(abs(predicted - measured) for predicted, measured in pairs)
    signed = [predicted / measured - 1 for predicted, measured in pairs]
    right = statistics.fmean(errors)
    swapped = statistics.fmean(float(absolute_error(m, p)) for p, m in pairs)
    told = "; ".join(f"{seconds_text(p)} where {seconds_text(m)} were measured" for p, m in pairs)
    each = ", ".join(share_text(error) for error in errors)
    return Exercise(
        "Three estimates",
        f"Three times per token were estimated: {told}. What is the mean absolute error, as a "
        "share of 1 and to three digits?",
        "mean_error",
        right,
        (
            Mistake(abs(statistics.fmean(signed)), "Too much and too little have cancelled: take "
                    "the sign off each error before the mean."),
            Mistake(-abs(statistics.fmean(signed)), "Too much and too little have cancelled: take "
                    "the sign off each error before the mean."),
            Mistake(swapped, "Divided by the estimate: an error is a share of what was measured."),
            Mistake(statistics.median(errors), "That is the median: the mean takes all three."),
            Mistake(math.sqrt(statistics.fmean(error**2 for error in errors)), "That is the root "
                    "of the mean square: here errors are averaged as they are."),
            Mistake(100 * right, "That is in per cent: give it as a share of 1."),
            Mistake(missed / runs, "Added up before the division, so the longest run counts most: "
                    "divide each error by its own measurement, then take the mean."),
            Mistake(sum(errors), "That is the sum: the mean is a third of it."),
            Mistake(abs(estimates / runs - 1), "Those are the sums compared: take each error by "
                    "itself, without its sign, then the mean."),
        ),
        f"The absolute errors are {each}; their mean is {number_text(right)}.",
    )  # fmt: skip


@posed
def wait_for_prompts(
    batch: int = 100, prompt_seconds: float = 0.044, output_tokens: int = 221
) -> Exercise:
    """What the prompts between steps add to each token."""
    waited = math.sqrt(batch)
    gaps = output_tokens - 1
    right = (batch - waited) / gaps * prompt_seconds
    return Exercise(
        "Prompts in the way",
        f"A replica keeps {batch} requests in flight; each answer has "
        f"{number_text(output_tokens)} tokens, and a prompt takes "
        f"{seconds_text(prompt_seconds)} to prefill. While a request lives, each place of the "
        f"batch brings one prompt, its own included, {batch} in all: {waited:g}, about the root "
        "of the batch, come before its first token, the rest between its tokens. How many "
        "seconds do those add to each token, to four digits?",
        "token_seconds",
        right,
        (
            Mistake(batch * prompt_seconds, "That is the time of all prompts: spread it over the "
                    "tokens of an answer."),
            Mistake((batch - waited) * prompt_seconds, "That is what one whole answer waits: its "
                    "tokens share it."),
            Mistake(batch / gaps * prompt_seconds, "The prompts before the first token delay that "
                    "one, not the others: take them off."),
            Mistake((batch - waited) / output_tokens * prompt_seconds, f"Divided by "
                    f"all {number_text(output_tokens)} tokens: between them lie {gaps} gaps."),
            Mistake((batch - 1 - waited) / gaps * prompt_seconds, "Its own place brings a prompt, "
                    f"too: {batch} in all, {waited:g} of them before its first token."),
            Mistake((batch - 1) / gaps * prompt_seconds, "Those are all prompts but one: the "
                    f"{waited:g} before the first token do not come between tokens."),
            Mistake((batch - waited) / gaps, "That is a number of prompts: each takes its time."),
            Mistake(right / 1000, "A thousand times too little: a millisecond is a thousandth of "
                    "a second, not a millionth."),
            Mistake(prompt_seconds / gaps, "That is a single prompt: there are more places."),
        ),
        f"({batch} - {waited:g}) prompts over {gaps} gaps between tokens, at "
        f"{seconds_text(prompt_seconds)} each: {seconds_text(right)} a token.",
        tolerance=0.001,
    )  # fmt: skip


@posed
def requests_that_run(
    in_flight: int = 256, first_seconds: float = 36.0, output_tokens: int = 1001,
    token_seconds: float = 0.012,
) -> Exercise:  # fmt: skip
    """How many requests of a waiting service get tokens."""
    generating = (output_tokens - 1) * token_seconds

    def served(generation_seconds: float) -> float:
        return float(running_requests(in_flight, first_seconds, generation_seconds))

    right = served(generating)
    return Exercise(
        "Who is being served?",
        f"A service reports {in_flight} requests in flight, {seconds_text(first_seconds)} to the "
        f"first token and then {output_tokens - 1:,} tokens at {seconds_text(token_seconds)} each. "
        "How many requests get tokens at the same time, on average?",
        "running_requests",
        right,
        (
            Mistake(served(generating * 1000), "Milliseconds "
                    "were taken for seconds: a second has a thousand."),
            Mistake(served(token_seconds), "That is as if an "
                    f"answer had one token: it has {output_tokens - 1:,} after the first."),
            Mistake(served(output_tokens - 1), "That takes a "
                    f"second for each token: one takes {seconds_text(token_seconds)}."),
            Mistake(served(first_seconds), "The wait for the "
                    "first token was put in twice: the blank is the time in which tokens come."),
            Mistake(in_flight, "Those are all in the house: most of them still wait for their "
                    "first token."),
            Mistake(in_flight - right, "Those are the ones that wait."),
            Mistake(in_flight * generating / first_seconds, "Divided by the wait alone: a request "
                    "stays for its wait and for its tokens."),
            Mistake(generating / (first_seconds + generating), "That is the share of its stay in "
                    "which a request gets tokens: take it of all in flight."),
        ),
        f"It gets tokens for {seconds_text(generating)} of its "
        f"{seconds_text(first_seconds + generating)}, so {number_text(right)} of {in_flight} do.",
    )  # fmt: skip


EXERCISES = (error_of_three, wait_for_prompts, requests_that_run)
