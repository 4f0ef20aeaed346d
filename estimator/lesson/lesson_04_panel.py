"""Lesson 04's panel, and the reader's service in words."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

from estimator import catalog
from estimator.bandwidth import answer_bytes, traffic_bits_per_s
from estimator.lesson.controls import OWN, Choice, numbers_within
from estimator.lesson.inputs import Inputs
from estimator.lesson.panel import Answer, Panel, still_to_set
from estimator.lesson.progress import TASKS
from estimator.lesson.prose import Prose
from estimator.lesson.sizing import (
    NARROWED,
    PRECISIONS,
    Bounds,
    Plan,
    Reserve,
    Service,
    make_plan,
)
from estimator.lesson.tables import Bar, Table
from estimator.units import (
    MB,
    number_text,
    quantity_text,
    seconds_text,
    share_text,
)

COURSE_MODEL = "course-llama-3.2-3b"
MODELS = (
    COURSE_MODEL, "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen3-32b", "llama-3.1-70b",
    "llama-3.1-405b",
)  # fmt: skip
ADVICE = {
    ("compute",): "a larger batch would not help; fewer tokens or faster arithmetic would",
    ("bandwidth",): "fewer bits, shorter contexts or a faster memory would help",
    ("capacity",): "more memory, or fewer bits, would let more sequences share each read",
    ("bandwidth", "capacity"): "fewer bits or shorter contexts would help with both",
}
TOKENS_HELP = "fewer tokens would help with each of them"


def service_of(given: Inputs) -> Service:
    """The reader's service; a ValueError if nobody asks, or nothing is answered."""
    return Service(
        given.users, given.requests_per_user, given.n_params, given.kv_bytes_per_token,
        given.precision, given.accelerator, given.prompt_tokens, given.output_tokens,
    )  # fmt: skip


def plan_of(given: Inputs) -> Plan:
    """The plan for the reader's service."""
    return make_plan(
        service_of(given), given.token_target_seconds, given.peak_factor,
        given.target_utilization, given.spare_accelerators, given.owned_accelerators,
    )  # fmt: skip


def traffic_of_texts(service: Service, rate: float) -> tuple[float, float]:
    """Bits a second in and out that prompts and answers make as plain text."""
    sizes = (answer_bytes(service.prompt_tokens), answer_bytes(service.output_tokens))
    into, out = (float(traffic_bits_per_s(rate, size)) for size in sizes)
    return into, out


def row_results(**given: Any) -> dict[str, float]:
    """The lesson's results for one service; a ValueError says why there are none."""
    return results_of(Inputs(**given))


def results_of(given: Inputs) -> dict[str, float]:
    """The lesson's result, by the names of the glossary; a ValueError if nothing serves."""
    service, plan = service_of(given), plan_of(given)
    mean, peak = service.requests_per_s, plan.peak_requests_per_s
    into, out = traffic_of_texts(service, mean)
    peak_into, peak_out = traffic_of_texts(service, peak)
    return {
        "requests_per_s": mean,
        "peak_requests_per_s": peak,
        "accelerators": plan.at.compute,
        "bandwidth_accelerators": plan.at.bandwidth,
        "capacity_accelerators": plan.at.capacity,
        "binding_accelerators": plan.at.needed,
        "planned_accelerators": plan.planned,
        "tensor_parallel": plan.at.tensor_parallel,
        "batch": plan.working.batch,
        "roofline_step_seconds": plan.working.step_seconds,
        "request_floor_seconds": plan.working.request_seconds,
        "ingress_bits_per_s": into,
        "egress_bits_per_s": out,
        "peak_ingress_bits_per_s": peak_into,
        "peak_egress_bits_per_s": peak_out,
    }


def sentence(service: Service, plan: Plan) -> str:
    """The answer in one sentence."""
    at, name = plan.at, service.accelerator
    return (
        f"At the peak, {quantity_text(plan.peak_requests_per_s, 'request/s')} need at least "
        f"{number_text(at.needed)} {name}, {at.tensor_parallel} to a replica, and {binds(at)}; "
        f"plan {number_text(plan.planned)}{spare_text(plan)}."
    )


def spare_text(plan: Plan) -> str:
    """Say how many of a plan are spare where that is fewer than were asked for."""
    spare = plan.planned - replace(plan.reserve, spare_accelerators=0).planned(plan.at)
    if spare >= plan.reserve.spare_accelerators:
        return ""
    verb = "is" if spare == 1 else "are"
    return f", of which {number_text(spare)} {verb} spare (never more than are at work)"


def binds(at: Bounds) -> str:
    """Say which bounds bind, or that one replica does."""
    if not at.binding:
        return "one replica is enough"
    return f"{at.binding_text} {'bind together' if len(at.binding) > 1 else 'binds'}"


def prompt_sentence(service: Service) -> str:
    """Set the reader's requests beside the course's, which have no prompt."""
    if not service.prompt_tokens:
        return "As in the course's example, your requests bring no prompt."
    return (
        "Unlike the course's example, your requests also bring a prompt, "
        f"{quantity_text(service.prompt_tokens, 'token')} each, which is computed, cached and "
        "read like the answer."
    )


def batches(at: Bounds, work: Bounds) -> str:
    """Say at which batch the bounds are taken, and at which the times: that of the load."""
    full = (
        f"At your target a replica has room for {quantity_text(at.batch, 'sequence')}: the bounds "
        "are for so many."
    )
    if work.batch == at.batch:
        return f"{full} Your load fills it: there"
    return (
        f"{full} By Little's law your load fills up to {number_text(work.batch)} of these places, "
        "and the times are for those:"
    )


def your_service(given: Inputs) -> Prose:
    """The reader's service in a paragraph that follows the reader's numbers, or why it is none."""
    service = service_of(given)
    try:
        plan = plan_of(given)
    except ValueError as refusal:
        return Prose(f"{prompt_sentence(service)}\n\n**{refusal}**")
    at, work = plan.at, plan.working
    into, out = traffic_of_texts(service, plan.peak_requests_per_s)
    advice = ADVICE.get(at.binding, TOKENS_HELP) if at.binding else "no bound asks for more"
    busy = share_text(plan.utilization) if plan.utilization >= 0.01 else "less than 1 %"
    owned = "accelerator" if given.owned_accelerators == 1 else (
        quantity_text(given.owned_accelerators, "accelerator")
    )  # fmt: skip
    arriving = f"Prompts come in at {_traffic(into)} and answers leave"
    return Prose(
        f"{prompt_sentence(service)}\n\n"
        f"**{sentence(service, plan)}** {batches(at, work)} a step takes "
        f"{seconds_text(work.step_seconds)} or more, and a request "
        f"{seconds_text(work.request_seconds)}. Since {binds(at)}, {advice}. "
        f"Of the {owned} that you have, the "
        f"peak would keep {busy} busy{_beyond(plan, given.owned_accelerators)}. "
        f"{arriving if into else 'Answers leave'} at {_traffic(out)}, as plain text. "
        "All this is bounds, with a reserve. An engine mostly needs more: at least twice as many "
        "for each of the course's systems that give tokens, as lesson 05 counts them. It counts "
        "services that give none, too, such as pictures."
    )


def _beyond(plan: Plan, owned: float) -> str:
    """Say how many more are planned than the reader has, if any are."""
    more = plan.planned - owned
    return f"; the plan has {number_text(more)} more than you have" if more > 0 else ""


def _traffic(bits_per_s: float) -> str:
    """Write traffic; the little of a single user is not none."""
    return "less than 1 bit/s" if 0 < bits_per_s < 1 else quantity_text(bits_per_s, "bit/s")


def bounds_bars(at: Bounds) -> Table:
    """The three bounds as bars."""
    most = max(at.needed, 1)
    rows = [
        (name, what, Bar(count / most, number_text(count), "binds" * (name in at.binding)))
        for name, what, count in (
            ("compute", "prompt and answer, at the full rate", at.compute),
            ("bandwidth", "weights and caches read, a step for each token", at.bandwidth),
            ("capacity", "caches of all requests in flight", at.capacity),
        )
    ]
    headers = ("bound", "what it counts", "accelerators at the peak")
    return Table(headers, rows, left=frozenset(headers[1:]))


def plan_rows(service: Service, plan: Plan) -> Table:
    """Load, batch, times and network of the plan."""
    work = plan.working
    into, out = traffic_of_texts(service, plan.peak_requests_per_s)
    rows = (
        ("requests, mean of the day", quantity_text(service.requests_per_s, "request/s")),
        ("requests, at the peak", quantity_text(plan.peak_requests_per_s, "request/s")),
        ("accelerators of a replica", number_text(work.tensor_parallel)),
        ("largest batch, for the bounds", quantity_text(plan.at.batch, "sequence")),
        ("batch that the load keeps", f"up to {quantity_text(work.batch, 'sequence')}"),
        ("a step at it, for each token", seconds_text(work.step_seconds)),
        ("a request, prompt to last token", seconds_text(work.request_seconds)),
        ("accelerators to plan", number_text(plan.planned)),
        ("traffic in, at the peak", _traffic(into)),
        ("traffic out, at the peak", _traffic(out)),
    )
    return Table(("what", "how much"), rows, "The service")


TASK_MODEL, TASK_USERS, TASK_CHIP, TASK_SECONDS = "llama-3.1-70b", 10 * MB, "H100-SXM", 0.025
TASK = (
    "10 million users, 10 requests a day each, 500 tokens in and 500 out, ask Llama 3.1 70B on "
    "H100-SXM and want a token every 25 ms. Find the precision that needs the fewest accelerators."
)


def _task(service: Service, plan: Plan, target: float) -> tuple[bool, str]:
    # In this order no step on the way is a service that would be refused.
    wanted = (
        (service.users == TASK_USERS, "set 10 million users"),
        (service.requests_per_user == 10, "set 10 requests a day for each"),
        (service.prompt_tokens == service.output_tokens == 500, "set 500 tokens in and 500 out"),
        (service.accelerator == TASK_CHIP, f"choose {TASK_CHIP}"),
        (service.n_params == catalog.model(TASK_MODEL).n_params, "choose Llama 3.1 70B"),
        (abs(target - TASK_SECONDS) < 1e-9, "set the target to 25 ms"),
    )
    if unset := still_to_set(wanted):
        return False, unset
    others = [replace(service, precision=precision) for precision in PRECISIONS]
    rate, reserve = plan.peak_requests_per_s, plan.reserve
    fewest = min(_needed(other, target, rate, reserve) for other in others)
    if plan.at.needed > fewest:
        more = plan.at.needed / fewest
        return False, (
            f"{service.precision} needs {number_text(plan.at.needed)}, {more:.2f} times as many as "
            "the best precision of the list."
        )
    return True, (
        f"no precision of the list needs fewer than {number_text(fewest)} at the peak: four bits "
        f"are less to read, but {TASK_CHIP} computes with them at 16."
    )


@functools.lru_cache(maxsize=64)
def _needed(service: Service, target: float, rate: float, reserve: Reserve) -> float:
    """Accelerators at a rate; infinitely many where no batch serves."""
    try:
        return service.best(target, rate, reserve).needed
    except ValueError:
        return math.inf


def _kv_bytes(key: str) -> float:
    """Bytes of a token's keys and values; the course's rounded model has the real one's shape."""
    published = key.removeprefix("course-")
    return float(catalog.architecture(published).kv_bytes_per_token(2))


def server_panel(given: Inputs) -> Panel:
    """The lesson's panel, starting at the reader's inputs; they may be what nothing serves."""
    facts = {key: (catalog.model(key).n_params, _kv_bytes(key)) for key in MODELS}
    own = (given.n_params, given.kv_bytes_per_token)
    chosen = next((key for key, fact in facts.items() if fact == own), OWN)
    names = {key: catalog.model(key).name for key in facts} | {OWN: OWN}
    started = False

    def answer(
        users: float, requests_per_user: float, model: str, precision: str, accelerator: str,
        prompt_tokens: float, output_tokens: float, token_target_seconds: float,
        owned_accelerators: float,
    ) -> Answer:  # fmt: skip
        n_params, kv_bytes = facts.get(model, own)
        service = Service(
            users, requests_per_user, n_params, kv_bytes, precision, accelerator, prompt_tokens,
            output_tokens,
        )  # fmt: skip
        nonlocal started
        try:
            plan = make_plan(
                service, token_target_seconds, given.peak_factor, given.target_utilization,
                given.spare_accelerators, owned_accelerators,
            )  # fmt: skip
        except ValueError as refusal:
            # Later the panel tells a refusal; at the start there is no panel yet to tell it.
            if started:
                raise
            return Answer(str(refusal), (), "set what can be served first.", refused=True)
        finally:
            started = True
        solved, score = _task(service, plan, token_target_seconds)
        tables = (bounds_bars(plan.at), plan_rows(service, plan))
        return Answer(sentence(service, plan), tables, score, solved)

    number = numbers_within(NARROWED)
    controls = (
        number("users", given.users, 0.1, 1000, step=0.1, log=True, scale=MB,
               scale_name="in millions"),
        number("requests_per_user", given.requests_per_user, 1, 100),
        Choice("model", "Model", names, chosen,
               "The model that answers; it sets parameters and the cache of a token"),
        Choice("precision", "Precision of the weights", {p: p for p in PRECISIONS},
               given.precision, "How weights are stored; in FP8, INT8 and NVFP4 computed with, "
               "too, where there is a rate for it"),
        Choice("accelerator", "Accelerator", {name: name for name in catalog.accelerators()},
               given.accelerator, "The hardware that serves; it sets rates and memory"),
        number("prompt_tokens", given.prompt_tokens, 0, 8000, step=50),
        number("output_tokens", given.output_tokens, 50, 4000, step=50),
        number("token_target_seconds", given.token_target_seconds, 1, 200, scale=1e-3,
               scale_name="in ms"),
        number("owned_accelerators", given.owned_accelerators, 1, 100_000, step=1, log=True),
    )  # fmt: skip
    return Panel(TASKS["04"], TASK, controls, answer)
