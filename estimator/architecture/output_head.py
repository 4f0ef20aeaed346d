"""Whether a file's checkpoint stores the output head that its causal language model has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from estimator.architecture.reader import LARGEST_SIZE

# Classes with an output head: causal language models, and those that read more than text.
_HEADED = re.compile("CausalLM|LMHead|ForConditionalGeneration|WithLMHead")
_CHAT_CLASSES = {"InternVLChatModel", "Qwen2_5OmniModel", "Qwen2_5OmniThinkerModel"}
# Classes with a matrix of their own behind the layers, a row for each label.
_LABELLED = ("ForSequenceClassification", "ForTokenClassification")
# As in Qwen3-Embedding-8B or SFR-Embedding-Mistral; a folder called embeddings is no model.
_EMBEDS = re.compile(r"[^-_.][-_.](?:embedding|embed)s?(?:[-_.]|$)")


def class_without_head(config: Mapping[str, Any]) -> str:
    """The class that a file names where it is no causal language model; else nothing.

    Rewards, classes and embeddings come from such models, whose checkpoints store no output head.
    """
    named = config.get("architectures")
    if not isinstance(named, list | tuple) or not named:
        return ""
    classes = [one for one in named[:10] if isinstance(one, str)]
    if not classes or any(one in _CHAT_CLASSES or _HEADED.search(one[:200]) for one in classes):
        return ""
    return "".join(c for c in classes[0][:60] if c.isalnum() or c == "_")


def why_headless(config: Mapping[str, Any], name: str = "") -> str:
    """Why a checkpoint stores no output head: its class, or a name that says embedding.

    A name counts where the class is that of a causal language model, as Qwen's are: of
    Qwen3-Embedding-8B, which ties nothing, the files have no lm_head (vllm-project/vllm-metal,
    pull request 736), nor have those of Qwen3-VL-Embedding-8B (QwenLM/Qwen3-VL-Embedding, issue
    89). A path counts by its file, the folder that holds it, and a folder of the Hub's cache.

    >>> why_headless({"architectures": ["MistralModel"]})
    'as its class MistralModel has none'
    """
    if other := class_without_head(config):
        return f"as its class {other} has none"
    for one in (name, config.get("_name_or_path")):
        parts = one[-500:].lower().split("/") if isinstance(one, str) else []
        parts = parts[-2:] + [part for part in parts if part.startswith("models--")]
        if any(map(_EMBEDS.search, parts)):
            return "as its name says embedding, and the files of Qwen3-Embedding-8B have none"
    return ""


def label_params(config: Mapping[str, Any], width: int) -> int:
    """Parameters with which a class tells labels from states of a width; 0 of any other class.

    As transformers 5.24 builds them: a row for each label, two where the file lists none, and for
    tokens a bias.

    >>> label_params({"architectures": ["LlamaForSequenceClassification"], "num_labels": 1}, 4096)
    4096
    """
    other = class_without_head(config)
    if not other.endswith(_LABELLED):
        return 0
    listed, told = config.get("id2label"), config.get("num_labels")
    labels = len(listed) if isinstance(listed, Mapping) else told
    labels = labels if type(labels) is int and 1 <= labels <= LARGEST_SIZE else 2
    return labels * (width + other.endswith(_LABELLED[1]))
