"""Typed hook calls for one tenant: only its enabled plugins, in start order, each failure handled as declared.

Each plugin is called by itself, under the guard's deadline; pluggy's own loop would stop at the first exception.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import pluggy

from core.host.loader import Plugins
from plugin_sdk.api import Plugin
from plugin_sdk.consultation import Change, Charge, Draft, Finding, PriceStage, Quote
from plugin_sdk.errors import DomainError, PluginUnavailable
from plugin_sdk.types import Ctx, Hold, IngestItem, Problem, StudyAction

log = logging.getLogger(__name__)
UNCHECKED = Finding(level="note", code="check-unavailable", text="检查不可用")


class HookFailed(PluginUnavailable):
    """A plugin raised, hung or answered rubbish in a hook whose failure fails the operation."""


@dataclass(frozen=True, eq=False)
class Hooks:
    """Calls restricted to ``enabled``. A plugin that is enabled but broken makes ``raise`` hooks fail: broken is not off."""

    plugins: Plugins
    enabled: frozenset[str]

    def tenant_enabled(self, ctx: Ctx, plugin: str) -> None:
        for impl in self._of("tenant_enabled", plugin):
            self._call(impl, "tenant_enabled", ctx=ctx)

    def check_disable(self, ctx: Ctx, plugin: str) -> list[Problem]:
        found: list[Problem] = []
        for impl in self._of("check_disable", plugin):
            found += self._call(impl, "check_disable", ctx=ctx) or []
        return found

    def check_study(self, ctx: Ctx, action: StudyAction) -> Mapping[int, list[Problem]]:
        merged: dict[int, list[Problem]] = {}
        for answer in self._raising("check_study", ctx=ctx, action=action):
            for study_id, problems in answer.items():
                merged.setdefault(study_id, []).extend(problems)
        return merged

    def ingest(self, ctx: Ctx, item: IngestItem) -> IngestItem | Hold:
        if self._broken():
            return Hold(reason="plugin_failed", text="")
        for impl in self._impls("ingest"):
            try:
                answer = self._guarded(impl, "ingest", ctx=ctx, item=item)
            except Exception:  # foreign code: the object is held, never dropped
                self._isolated(impl, "ingest")
                return Hold(reason="plugin_failed", text="")
            if isinstance(answer, Hold):
                return answer
            if isinstance(answer, IngestItem):
                item = answer
        return item

    def check_transition(self, ctx: Ctx, change: Change) -> list[Problem]:
        return [p for answer in self._raising("check_transition", ctx=ctx, change=change) for p in answer]

    def check_report(self, ctx: Ctx, draft: Draft) -> list[Finding]:
        found = [UNCHECKED for _ in self._broken()]
        for impl in self._impls("check_report"):
            try:
                found += self._guarded(impl, "check_report", ctx=ctx, draft=draft) or []
            except Exception:  # foreign code, isolated as declared
                self._isolated(impl, "check_report")
                found.append(UNCHECKED)
        return found

    def price(self, ctx: Ctx, quote: Quote, provider: str) -> list[Charge]:
        """A reversal is asked of a provider that is off as well: what was charged must not stand.

        :raise PluginUnavailable: it did not start, or nobody has it installed any more
        """
        if provider not in self.plugins.house.by_owner:
            raise PluginUnavailable(plugin=provider)
        asked = replace(self, enabled=self.enabled | {provider}) if quote.stage == "reversal" else self
        return [
            c for impl in asked._of("price", provider) for c in self._call(impl, "price", ctx=ctx, quote=quote) or []
        ]

    def _broken(self) -> frozenset[str]:
        return self.enabled & frozenset(self.plugins.broken)

    def _of(self, name: str, plugin: str) -> list[pluggy.HookImpl]:
        """What one plugin implements. :raise PluginUnavailable: it did not start: never the same as having nothing to say"""
        if plugin in self._broken():
            raise PluginUnavailable(plugin=plugin)
        return [impl for impl in self._impls(name) if impl.plugin_name == plugin]

    def _raising(self, name: str, **values: Any) -> Iterator[Any]:
        if broken := self._broken():
            raise PluginUnavailable(plugin=min(broken))
        for impl in self._impls(name):
            if (answer := self._call(impl, name, **values)) is not None:
                yield answer

    def _call(self, impl: pluggy.HookImpl, name: str, **values: Any) -> Any:
        """:raise DomainError: the plugin's own refusal; :raise HookFailed: anything else it does wrong"""
        try:
            return self._guarded(impl, name, **values)
        except DomainError:
            raise
        except Exception as error:
            log.exception("hook failed", extra={"plugin": impl.plugin_name, "hook": name})
            raise HookFailed(plugin=impl.plugin_name) from error

    def _isolated(self, impl: pluggy.HookImpl, name: str) -> None:
        """Log the failure at hand and go on; where faults are errors (TELERAD_STRICT_PLUGINS), raise it."""
        log.exception("hook failed", extra={"plugin": impl.plugin_name, "hook": name})
        if self.plugins.strict:
            raise

    def _guarded(self, impl: pluggy.HookImpl, name: str, **values: Any) -> Any:
        check = partial(_charges, values["quote"].stage) if name == "price" else ANSWERS[name]
        return self.plugins.guard.run(
            impl.plugin_name, name, impl.function, *(values[a] for a in impl.argnames), check=check, ctx=values["ctx"]
        )

    def _impls(self, name: str) -> tuple[pluggy.HookImpl, ...]:
        return _implementations(self.plugins.manager, self.enabled, name)


@lru_cache(maxsize=4096)
def _implementations(
    manager: pluggy.PluginManager, enabled: frozenset[str], name: str
) -> tuple[pluggy.HookImpl, ...]:
    """Implementations in start order; default bodies of the base class are no implementations."""
    caller: pluggy.HookCaller = getattr(manager.hook, name)
    base = getattr(Plugin, name)
    return tuple(
        impl
        for impl in caller.get_hookimpls()
        if impl.plugin_name in enabled and getattr(impl.function, "__func__", None) is not base
    )


def _list_of(kind: type[object]) -> Callable[[Any], bool]:
    return lambda answer: answer is None or (isinstance(answer, list) and all(isinstance(a, kind) for a in answer))


def _per_study(answer: Any) -> bool:
    problems = _list_of(Problem)
    return answer is None or (
        isinstance(answer, Mapping) and all(isinstance(k, int) and problems(v) for k, v in answer.items())
    )


def _charges(stage: PriceStage, answer: Any) -> bool:
    """Lines of whole fen. Nothing is owed to who pays, so only a reversal is negative."""
    return answer is None or (
        isinstance(answer, list)
        and all(type(a) is Charge and type(a.fen) is int and (a.fen >= 0 or stage == "reversal") for a in answer)
    )


ANSWERS: Mapping[str, Callable[[Any], bool]] = {
    "tenant_enabled": lambda answer: answer is None,
    "check_disable": _list_of(Problem),
    "check_study": _per_study,
    "ingest": lambda answer: answer is None or isinstance(answer, IngestItem | Hold),
    "check_transition": _list_of(Problem),
    "check_report": _list_of(Finding),
}
