"""What can be done to endpoints: deploy, scale, traffic, promote, rollback, undeploy.

Every change goes the same way. One at a time per endpoint; an intent record before; new versions
are loaded until they answer; state and outcome record commit together; then, in the same turn of
the event loop, the gateway switches; what served before is drained. Whatever fails on the way
leaves what serves as it was, and the failure is recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from time import monotonic

from mlops_jupyter.hub import records
from mlops_jupyter.hub.catalogue import Catalogue
from mlops_jupyter.hub.changes import Change, Changes
from mlops_jupyter.hub.fleet import Fleet, Loaded
from mlops_jupyter.hub.live import LiveEndpoint
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.pipelines import Pipelines
from mlops_jupyter.hub.state import State, StoredEndpoint
from mlops_jupyter.hub.status import facts
from mlops_jupyter.serving.gateway import Gateway
from mlops_jupyter.serving.routing import how_to_deploy, no_endpoint
from mlops_jupyter.types import (
    AuditPolicy,
    Caller,
    Conflict,
    EndpointSpec,
    InvalidRequest,
    Limits,
    MlopsError,
    ModelVersion,
    ScalingPolicy,
    Traffic,
    check_name,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployment:
    """What `deploy` is asked for; what is None stays as it is, or takes the default."""

    version: ModelVersion
    scaling: ScalingPolicy | None = None
    audit: AuditPolicy | None = None
    limits: Limits | None = None
    gpu: int | None = None
    alias: str | None = None
    target: str | None = None


Build = Callable[[StoredEndpoint | None], Awaitable[StoredEndpoint]]
"""Makes of an endpoint (None: there is none yet) what it shall be; raises MlopsError."""


class Endpoints:
    """All endpoints of the hub and the verbs on them."""

    def __init__(
        self,
        state: State,
        catalogue: Catalogue,
        fleet: Fleet,
        gateway: Gateway,
        notices: Notices | None = None,
    ) -> None:
        self._state = state
        self._catalogue = catalogue
        self._fleet = fleet
        self._gateway = gateway
        self._live: dict[str, LiveEndpoint] = {}
        self._notices = notices or Notices()
        self._changes = Changes(state, self._revision_of, self._look)
        self.pipelines = Pipelines(lambda: self._live)

    # -- what there is ------------------------------------------------------------------------

    def __iter__(self) -> Iterator[LiveEndpoint]:
        return iter(list(self._live.values()))

    def names(self) -> list[str]:
        """Every endpoint's name, undeployed ones included."""
        return sorted(self._live)

    def get(self, name: str) -> LiveEndpoint:
        """One endpoint; raise NotFound with the closest names otherwise."""
        check_name(name, "endpoint name")
        if name not in self._live:
            raise no_endpoint(name, self._live, fix=f"Deploy it: %deploy {name}.")
        return self._live[name]

    def under_change(self, name: str) -> str:
        """The change that is under way, as a verb, or an empty string."""
        return self._changes.under_way(name)

    def look(self) -> None:
        """Note how every endpoint is."""
        for live in self._live.values():
            self._notices.endpoint(live.name, facts(live, self.under_change(live.name)))

    # -- verbs --------------------------------------------------------------------------------

    async def deploy(
        self, name: str, wanted: Deployment, caller: Caller, revision: int | None, wait: float
    ) -> None:
        """Serve `wanted.version` with all traffic; return after `wait` seconds at the latest."""

        async def build(present: StoredEndpoint | None) -> StoredEndpoint:
            if wanted.scaling is not None:
                self._fleet.check_scaling(wanted.scaling)
            version = await self._catalogue.add(wanted.version, caller)
            spec = _deployed(name, present.spec if present else None, version, wanted)
            before = present or StoredEndpoint(spec)
            return before.changed(spec, records.subject(caller), served=True)

        await self._change(Change("deploy", caller, name, revision), build, wait)

    async def scale(
        self, name: str, scaling: ScalingPolicy, caller: Caller, revision: int | None
    ) -> None:
        """Change how many replicas there are."""

        async def build(present: StoredEndpoint | None) -> StoredEndpoint:
            stored = self._deployed(name, present)
            self._fleet.check_scaling(scaling)
            spec = replace(stored.spec, scaling=scaling)
            return stored.changed(spec, records.subject(caller), served=stored.served)

        await self._change(Change("scale", caller, name, revision), build)

    async def traffic(
        self,
        name: str,
        traffic: Traffic,
        versions: Iterable[ModelVersion],
        caller: Caller,
        revision: int | None,
    ) -> None:
        """Divide the calls among versions of the endpoint's model."""

        async def build(present: StoredEndpoint | None) -> StoredEndpoint:
            stored = self._deployed(name, present)
            for version in versions:
                await self._catalogue.add(version, caller)
            spec = replace(stored.spec, traffic=traffic)
            return stored.changed(spec, records.subject(caller), served=True)

        await self._change(Change("traffic", caller, name, revision), build)

    async def promote(
        self, name: str, version: int, alias: str | None, caller: Caller, revision: int | None
    ) -> None:
        """Give `version` all traffic."""

        async def build(present: StoredEndpoint | None) -> StoredEndpoint:
            stored = self._deployed(name, present)
            shadows = tuple(v for v in stored.spec.traffic.shadows if v != version)
            spec = replace(
                stored.spec,
                traffic=Traffic({version: 100}, shadows),
                alias=alias or stored.spec.alias,
            )
            return stored.changed(spec, records.subject(caller), served=True)

        await self._change(Change("promote", caller, name, revision), build)

    async def rollback(self, name: str, caller: Caller, revision: int | None) -> None:
        """Go back to what served before; again, and it goes one step further back."""

        async def build(present: StoredEndpoint | None) -> StoredEndpoint:
            stored = self._known(name, present)
            if not stored.history:
                raise Conflict(
                    f"Endpoint '{name}' has nothing to roll back to.",
                    reason="No other traffic served here before.",
                    fix="Deploy or promote the version that you want.",
                    code="nothing_before",
                )
            return stored.rolled_back(records.subject(caller), served=True)

        await self._change(Change("rollback", caller, name, revision), build)

    async def undeploy(self, name: str, caller: Caller, revision: int | None) -> None:
        """Stop serving; the endpoint is remembered with its history."""

        async def build(present: StoredEndpoint | None) -> StoredEndpoint:
            if present is None:
                raise no_endpoint(name, self._live, fix="Look at those that are there: %mlops.")
            stored = self._deployed(name, present)
            spec = replace(stored.spec, deployed=False)
            return stored.changed(spec, records.subject(caller), served=False)

        await self._change(Change("undeploy", caller, name, revision), build)

    # -- after a start, before a stop ---------------------------------------------------------

    def restore(self) -> None:
        """Serve again what is kept as deployed; replicas start behind the first calls' backs."""
        for stored in self._state.endpoints():
            live = LiveEndpoint(stored)
            self._live[stored.spec.name] = live
            if not stored.spec.deployed:
                self._switch(live)
                continue
            try:
                live.loaded = self._make(live, stored.spec)
            except MlopsError as error:
                live.problem = error
                _log.error("endpoint %s cannot be served: %s", stored.spec.name, error)
                continue
            self._follow(live.name, live.loaded)
            self._switch(live)

    def note_recovery(self, live: LiveEndpoint) -> None:
        """Keep that an endpoint answers which did not when it was deployed."""
        if live.ready and not live.stored.served and not self.under_change(live.name):
            record = records.system("endpoint.recovered", revision=live.spec.revision)
            self._state.mark_served(live.name, {**record, "endpoint": live.name})
            live.stored = replace(live.stored, served=True)
            live.problem = None
            self._look(live.name)

    async def close(self, grace: float) -> None:
        """Take no more changes, give up those under way, and end every pool."""
        await self._changes.close()
        for live in self._live.values():
            self._fleet.retire(live.loaded.values(), grace)
        await self._fleet.retired()

    # -- how a change is made -----------------------------------------------------------------

    async def _change(self, change: Change, build: Build, wait: float | None = None) -> None:
        async def work() -> None:
            live = self._live.get(change.name)
            wanted = await build(live.stored if live else None)
            await self._install(change, live or LiveEndpoint(wanted), wanted)

        await self._changes.run(change, work, wait)

    async def _install(self, change: Change, live: LiveEndpoint, wanted: StoredEndpoint) -> None:
        spec = wanted.spec
        # an endpoint that answers is not touched before the new one does; any other may as well
        # show what is wanted of it, and keep on trying after a failure
        waits = live.answers or change.action in ("scale", "undeploy")
        if spec.deployed and change.action != "scale":
            self.pipelines.check_change(spec, self._versions(spec))
        loaded = live.loaded if change.action == "scale" else self._make(live, spec)
        main = self._catalogue.get(spec.model, spec.traffic.main)
        self._changes.record_intent(change, wanted, main, keep=not waits)
        if not waits:
            before, live.loaded = live.loaded, loaded
            live.stored = replace(wanted, served=False)
            live.problem = None
            self._live[change.name] = live
            self._switch(live)
            self._fleet.retire(_unused(before, loaded))
        live.coming = loaded
        self._follow(change.name, loaded)
        self._look(change.name)
        change.accepted.set()
        try:
            if change.action not in ("scale", "undeploy"):
                await self._fleet.load(live.wake(spec, loaded))
                live.window.touch(monotonic())
            self._changes.record_outcome(change, wanted, main, keep=waits)
        except BaseException as error:
            if waits:
                self._fleet.retire(_unused(loaded, live.loaded), grace=0.0)
            if isinstance(error, MlopsError) and change.action != "scale":
                live.problem = error
            raise
        finally:
            live.coming = {}
        before, live.loaded, live.stored, live.problem = live.loaded, loaded, wanted, None
        self._switch(live)
        self._fleet.retire(_unused(before, loaded))

    def _switch(self, live: LiveEndpoint) -> None:
        """Let the gateway serve the endpoint as it stands now: one assignment, no await.

        How many replicas there are and why is decided anew, lest the status gives the reasons of
        what was wanted before.
        """
        if live.spec.deployed:
            served = {version: one.served for version, one in live.loaded.items()}
            self._gateway.set_endpoint(live.spec, served)
            live.rescale(monotonic())
        else:
            self._gateway.remove_endpoint(live.spec)
            live.scaling_reason = ""
            live.apply()

    def _look(self, name: str) -> None:
        """Note how an endpoint is, for those who listen."""
        live = self._live.get(name)
        if live is not None and self._notices.heard:
            self._notices.endpoint(name, facts(live, self.under_change(name)))

    def _follow(self, name: str, loaded: dict[int, Loaded]) -> None:
        """Look at the endpoint again whenever one of its replicas comes or goes."""
        for one in loaded.values():
            self._fleet.follow(one, lambda: self._look(name))

    def _make(self, live: LiveEndpoint, spec: EndpointSpec) -> dict[int, Loaded]:
        """Pools for every version that `spec` needs; those that fit are kept."""
        loaded: dict[int, Loaded] = {}
        if not spec.deployed:
            return loaded
        for number, version in self._versions(spec).items():
            present = live.loaded.get(number)
            if present is not None and present.fits(spec, version) and present.works:
                loaded[number] = present
            else:
                loaded[number] = self._fleet.make(spec, version, live.feed)
        return loaded

    def _versions(self, spec: EndpointSpec) -> dict[int, ModelVersion]:
        return {v: self._catalogue.get(spec.model, v) for v in spec.traffic.versions}

    def _revision_of(self, name: str) -> int:
        live = self._live.get(name)
        return live.spec.revision if live else 0

    def _known(self, name: str, present: StoredEndpoint | None) -> StoredEndpoint:
        return present if present is not None else self.get(name).stored

    def _deployed(self, name: str, present: StoredEndpoint | None) -> StoredEndpoint:
        stored = self._known(name, present)
        if not stored.spec.deployed:
            raise Conflict(
                f"Endpoint '{name}' is undeployed.",
                reason=f"Its present revision is {stored.spec.revision}.",
                fix=f"Deploy it again: {how_to_deploy(stored.spec)}.",
                code="undeployed",
            )
        return stored


def _deployed(
    name: str, present: EndpointSpec | None, version: ModelVersion, wanted: Deployment
) -> EndpointSpec:
    base = present or EndpointSpec(name, version.model, Traffic({version.version: 100}))
    given = {
        key: value
        for key in ("scaling", "audit", "limits", "gpu", "alias", "target")
        if (value := getattr(wanted, key)) is not None
    }
    if given.get("target", "local") != "local":
        raise InvalidRequest(
            f"There is no target {ascii(given['target'])[:40]}.",
            reason="This hub runs replicas on this machine only.",
            fix="Leave the target out, or write 'local'.",
            code="unknown_target",
        )
    return replace(
        base,
        model=version.model,
        traffic=Traffic({version.version: 100}),
        deployed=True,
        **given,
    )


def _unused(before: dict[int, Loaded], after: dict[int, Loaded]) -> list[Loaded]:
    kept = {id(one) for one in after.values()}
    return [one for one in before.values() if id(one) not in kept]
