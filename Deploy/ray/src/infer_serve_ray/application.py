"""The application: an ingress that takes requests, and replicas of which each has a server."""

import asyncio
import time
from collections import OrderedDict
from typing import Any, AsyncIterator, Dict, Optional, Set, Tuple, Union

from ray import serve
from ray.serve.context import _get_serve_request_context
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, RequestRouterConfig
from ray.serve.exceptions import BackPressureError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from .engine import Engine, EngineDown, EngineLost, content_type, is_stream, kept
from .messages import Call, Head, end_to_end, lost
from .metrics import Reading
from .prefixes import chain_of_bytes
from .settings import Settings

MAX_ENTRIES = 8192
REQUEST_ID = "x-request-id"
# What may be sent to another replica when one fails before it has answered: it changes nothing but what a request leaves.
_REPEATABLE = (
    "/chat/completions", "/completions", "/infill", "/messages", "/messages/count_tokens", "/embeddings", "/rerank",
    "/score", "/responses", "/responses/input_tokens", "/api/chat", "/api/generate", "/api/embed", "/api/embeddings",
    "/tokenize", "/detokenize", "/apply-template",
)  # fmt: skip


class Replica:
    """A server, and the way of requests to it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # The rank is a number below that of the replicas, which one that replaces another gets as well.
        rank = serve.get_replica_context().rank
        options = [option.replace("{replica}", str(getattr(rank, "rank", rank))) for option in settings.options]
        if not any(option.split("=")[0] == "--threads" for option in options):
            options += ["--threads", str(max(1, int(settings.processors)))]
        self._engine = Engine(
            options, binary=settings.binary, start_limit_s=settings.start_limit_s, drain_s=settings.drain_s,
            key=settings.key,
        )  # fmt: skip
        self._name = ""
        self._starting: Optional["asyncio.Task[None]"] = None
        self._running = 0
        self._before = Reading()
        self._told: Tuple[float, float] = (0.0, 0.0)

    async def _started(self) -> None:
        if self._starting is None:
            self._name = serve.get_replica_context().replica_id.unique_id
            self._starting = asyncio.create_task(self._engine.start())
        await asyncio.shield(self._starting)

    async def check_health(self) -> None:
        """Raises when the server cannot be started: Ray Serve then replaces the replica."""
        await self._started()
        self._engine.check()

    async def record_routing_stats(self) -> Dict[str, Any]:
        """What the router needs: the kept tokens by hash, and the number of requests."""
        return {"kept": kept(self._engine, MAX_ENTRIES), "requests": self._running}

    async def record_autoscaling_stats(self) -> Dict[str, float]:
        """What the autoscaling policy needs."""
        now, reading = time.monotonic(), await self._engine.reading()
        told_at, first_token = self._told
        # Long enough for some requests, however often Ray asks.
        if now - told_at >= 5:
            first_token = reading.first_token(0.9, self._before) or 0.0
            self._told, self._before = (now, first_token), reading
        return {"waiting": reading.waiting, "running": reading.running, "first_token_s": first_token}

    async def process_id(self) -> Tuple[str, Optional[int]]:
        """The replica's name and the process of its server."""
        await self._started()
        return self._name, self._engine.process_id

    async def forward(self, call: Call) -> AsyncIterator[Union[Head, bytes]]:
        """The answer to a call: its head, and its body piece by piece."""
        await self._started()
        self._running += 1
        try:
            async for status, headers, body in self._engine.forward(call):
                told = [(name, value) for name, value in headers if name.lower() != REQUEST_ID]
                yield Head(status, told, self._name)
                async for chunk in body:
                    yield chunk
        except EngineDown as error:
            # Said rather than raised, since what is raised here reaches the ingress as another class.
            yield Head(0, [("reason", str(error))], self._name)
        except EngineLost:
            yield Head(0, [], self._name)
        finally:
            self._running -= 1

    async def __del__(self) -> None:
        await self._engine.stop()


class Ingress:
    """Takes requests of clients, reads what they begin with, and passes answers on."""

    def __init__(self, replicas: Any, settings: Settings) -> None:
        self._replicas = replicas
        self._retry_s = settings.retry_s
        # The replicas that keep responses which can be asked for later.
        self._responses: "OrderedDict[str, str]" = OrderedDict()

    async def __call__(self, request: Request) -> Response:
        body = await request.body()
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        hashes = await asyncio.to_thread(chain_of_bytes, body) if len(body) > 65_536 else chain_of_bytes(body)
        headers = end_to_end([(name, value) for name, value in request.headers.items() if name != REQUEST_ID])
        # Ray Serve's own, which it tells the client.
        headers.append((REQUEST_ID, request.headers.get(REQUEST_ID) or _request_id()))
        call = Call(
            request.method, target, headers, body, tuple(hashes), preferred=self._preferred(request.url.path, body)
        )
        return await self._answer(call, request.url.path)

    async def _answer(self, call: Call, path: str) -> Response:
        excluded: Set[str] = set()
        reason = "no replica answers"
        limit, pause, is_first = time.monotonic() + self._retry_s, 0.0, True
        while is_first or time.monotonic() < limit:
            handle = self._replicas.options(stream=True, method_name="forward")
            try:
                answer = handle.remote(
                    Call(**{**vars(call), "excluded": frozenset(excluded),
                            "preferred": call.preferred if is_first else None})
                )  # fmt: skip
                pieces = answer.__aiter__()
                head = await pieces.__anext__()
                if head.status:
                    return await self._pass(head, pieces, path, answer)
                # Where all have failed, the first that is there again is as good as any.
                if head.replica in excluded:
                    excluded, pause = set(), min(0.5, 2 * pause + 0.05)
                excluded.add(head.replica)
                reason = dict(head.headers).get("reason", reason)
            except BackPressureError:
                return _refusal(503, "All replicas are busy; try again later.", "overloaded", retry_after=2)
            except StopAsyncIteration:
                reason, pause = "a replica has answered nothing", 0.05
            except RayTaskError as error:
                return _refusal(500, f"A replica has failed: {error.cause}", "replica_failed")
            except (RayActorError, RayError) as error:
                reason, pause = f"a replica is gone: {type(error).__name__}", 0.05
            if not _is_repeatable(call.method, path):
                break
            is_first = False
            await asyncio.sleep(pause)
        return _refusal(503, f"The request could not be answered: {reason}.", "replica_lost", retry_after=1)

    async def _pass(self, head: Head, pieces: Any, path: str, answer: Any) -> Response:
        headers = {name: value for name, value in head.headers}
        if is_stream(head.headers):
            return StreamingResponse(
                self._stream(head, pieces, path, answer), status_code=head.status, headers=headers, media_type=None
            )
        body = b""
        async for piece in pieces:
            if isinstance(piece, bytes):
                body += piece
        self._note(body, path, head.replica)
        response = Response(body, status_code=head.status)
        response.raw_headers = [
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in head.headers),
            (b"content-length", str(len(body)).encode()),
        ]
        return response

    async def _stream(self, head: Head, pieces: Any, path: str, answer: Any) -> AsyncIterator[bytes]:
        first, is_lost, is_done = True, False, False
        try:
            async for piece in pieces:
                if isinstance(piece, Head):
                    is_lost = True
                    break
                if first:
                    self._note(piece, path, head.replica)
                first = False
                yield piece
            is_done = True
        except RayError:
            is_lost = True
        finally:
            if not is_done:
                answer.cancel()
        if is_lost:
            named = path.rstrip("/").endswith("/messages")
            end = lost(content_type(head.headers), named)
            if end is not None:
                yield end

    def _note(self, piece: bytes, path: str, replica: str) -> None:
        """Remembers which replica has a response that can be asked for."""
        if not path.rstrip("/").endswith("/responses"):
            return
        name = _response_id(piece[:4096])
        if name:
            self._responses[name] = replica
            while len(self._responses) > 1 << 14:
                self._responses.popitem(last=False)

    def _preferred(self, path: str, body: bytes) -> Optional[str]:
        if "/responses" not in path or not self._responses:
            return None
        name = _response_id(path.encode()) or _response_id(body) or ""
        return self._responses.get(name)


def _request_id() -> str:
    return str(_get_serve_request_context().request_id)


def _response_id(text: bytes) -> Optional[str]:
    start = text.find(b"resp_")
    if start < 0:
        return None
    end = start
    while end < len(text) and (text[end : end + 1].isalnum() or text[end] == 0x5F):
        end += 1
    return text[start:end].decode()


def _is_repeatable(method: str, path: str) -> bool:
    if method in ("GET", "HEAD", "OPTIONS"):
        return True
    plain = path[3:] if path.startswith(("/v1/", "/v2/")) else path
    return method == "POST" and plain.rstrip("/") in _REPEATABLE


def _refusal(status: int, message: str, code: str, retry_after: Optional[int] = None) -> Response:
    headers = {"retry-after": str(retry_after)} if retry_after is not None else None
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def application(settings: Settings) -> Any:
    """The application, for `serve.run`."""
    replicas = serve.deployment(
        name="Replica",
        max_ongoing_requests=settings.max_requests,
        max_queued_requests=settings.max_queued,
        ray_actor_options={"num_cpus": settings.processors},
        health_check_period_s=2,
        health_check_timeout_s=max(30.0, settings.start_limit_s),
        graceful_shutdown_wait_loop_s=0.5,
        graceful_shutdown_timeout_s=settings.drain_s + 15,
        request_router_config=RequestRouterConfig(
            request_router_class="infer_serve_ray.router.PrefixRouter",
            request_router_kwargs={"prefix_aware": settings.prefix_aware},
            request_routing_stats_period_s=settings.stats_period_s,
            request_routing_stats_timeout_s=10,
        ),
        autoscaling_config=AutoscalingConfig(
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            initial_replicas=settings.min_replicas,
            metrics_interval_s=1,
            look_back_period_s=5,
            upscale_delay_s=settings.upscale_delay_s,
            downscale_delay_s=settings.downscale_delay_s,
            policy=AutoscalingPolicy(
                policy_function="infer_serve_ray.scaling:ScalingPolicy", policy_kwargs=vars(settings.targets)
            ),
        ),
    )(Replica)
    ingress = serve.deployment(
        name="Ingress", max_ongoing_requests=4096, ray_actor_options={"num_cpus": 0}, health_check_period_s=5
    )(Ingress)
    return ingress.bind(replicas.bind(settings), settings)
