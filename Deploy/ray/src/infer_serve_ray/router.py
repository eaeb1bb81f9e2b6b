"""The request router of Ray Serve: to the replica that has least to compute."""

import time
from typing import Any, List, Optional

from ray.serve.request_router import FIFOMixin, PendingRequest, ReplicaID, RequestRouter, RunningReplica

from .messages import Call
from .routing import Candidate, Chooser


class PrefixRouter(FIFOMixin, RequestRouter):  # type: ignore[misc]
    """Scores kept tokens against load. What a replica tells in another form counts as nothing."""

    def initialize_state(self, prefix_aware: bool = True, **kwargs: Any) -> None:
        self._chooser: Chooser[str] = Chooser(prefix_aware=prefix_aware)

    async def choose_replicas(
        self, candidate_replicas: List[RunningReplica], pending_request: Optional[PendingRequest] = None
    ) -> List[List[RunningReplica]]:
        call = self._call(pending_request)
        if pending_request is not None:
            pending_request.routing_context.should_backoff = True
        names = {replica.replica_id.unique_id: replica for replica in candidate_replicas}
        if call and call.preferred in names:
            return [[names[call.preferred]]]
        excluded = call.excluded if call else frozenset()
        # Who failed is asked again only when there is nobody else.
        asked = {name: replica for name, replica in names.items() if name not in excluded} or names
        candidates = [self._candidate(name, replica) for name, replica in asked.items()]
        ranked = self._chooser.rank(call.hashes if call else (), candidates, time.monotonic())
        return [[asked[name]] for name in ranked]

    def _candidate(self, name: str, replica: RunningReplica) -> Candidate[str]:
        load = self.replica_queue_len_cache.get(replica.replica_id)
        told = replica.routing_stats
        if load is None:
            load = told.get("requests", 0)
        kept = told.get("kept")
        return Candidate(
            name, load if isinstance(load, int) else 0, kept if isinstance(kept, dict) else {}
        )

    @staticmethod
    def _call(pending_request: Optional[PendingRequest]) -> Optional[Call]:
        if pending_request is None or not pending_request.args:
            return None
        call = pending_request.args[0]
        return call if isinstance(call, Call) else None

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any) -> None:
        call = self._call(pending_request)
        replica = self.curr_replicas.get(replica_id)
        if call and replica is not None:
            self._chooser.note(call.hashes, self._candidate(replica_id.unique_id, replica), time.monotonic())

    def on_replica_actor_died(self, replica_id: ReplicaID) -> None:
        super().on_replica_actor_died(replica_id)
        self._chooser.forget(replica_id.unique_id)
