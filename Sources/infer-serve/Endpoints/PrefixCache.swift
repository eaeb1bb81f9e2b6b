import Hummingbird
import InferCore
import InferMetrics
import InferText

/// `GET /cache` and `POST /cache/reset`: what is kept of requests for others that begin alike.
struct PrefixCache: Sendable {
  let state: ServerState

  /// Entries, bytes and memory of the cache, and the tokens that it has saved.
  func tell(_ request: Request, _ context: ServeContext) throws -> Response {
    let engine = try state.loadedModel(named: request.modelName, for: context.grant).engine
    let metrics = engine.metrics
    let (queries, hits) = (metrics.prefixCacheQueries.value, metrics.prefixCacheHits.value)
    return .json([
      "queried_tokens": .integer(queries), "hit_tokens": .integer(hits),
      "hit_rate": .number(queries > 0 ? Double(hits) / Double(queries) : 0),
      "missed_tokens": Self.object(metrics.prefixCacheMisses) { .integer($0.value) },
      "entries": Self.object(metrics.prefixCacheEntries) { .integer(Int($0.value)) },
      "bytes": Self.object(metrics.prefixCacheBytes) { .integer(Int($0.value)) },
      "memory": Self.object(metrics.stateMemoryBytes) { .integer(Int($0.value)) },
      "memory_limit": .integer(Int(metrics.stateMemoryLimit.value)),
      "evicted_entries": Self.object(metrics.prefixCacheEvictions) { .integer($0.value) },
      "disk": engine.keepsPrefixesOnDisk ? Self.disk(metrics) : .null,
    ])
  }

  private static func disk(_ metrics: EngineMetrics) -> JSONValue {
    [
      "entries": .integer(Int(metrics.prefixCacheDiskEntries.value)),
      "bytes": .integer(Int(metrics.prefixCacheDiskBytes.value)),
      "written_entries": .integer(metrics.prefixCacheDiskWrites.value),
      "dropped_entries": .integer(metrics.prefixCacheDiskDrops.value),
      "loaded_prefixes": .integer(metrics.prefixCacheDiskLoads.value),
      "loaded_tokens": .integer(metrics.prefixCacheDiskLoadedTokens.value),
      "failures": object(metrics.prefixCacheDiskFailures) { .integer($0.value) },
    ]
  }

  /// Gives up all that no running request holds.
  func reset(_ request: Request, _ context: ServeContext) async throws -> Response {
    let served = try state.loadedModel(named: request.modelName, for: context.grant)
    await served.engine.resetPrefixCache()
    return try tell(request, context)
  }

  private static func object<Metric>(
    _ family: MetricFamily<Metric>, _ value: (Metric) -> JSONValue
  ) -> JSONValue {
    var object = JSONObject()
    for (values, metric) in family.members { object[values[0]] = value(metric) }
    return .object(object)
  }
}
