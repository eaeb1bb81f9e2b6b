internal import InferMetrics

/// Runs a model for many requests at the same time.
///
/// An engine has a thread of its own; nothing here ever waits for a step. Requests are taken on or refused at once,
/// run as memory and their turn allow, and report through their ``Generation``, which keeps the engine alive. When
/// nothing holds the engine any more, its thread ends.
public final class Engine: Sendable {
  /// The memory that the engine has and the sizes of requests that it takes.
  public let limits: EngineLimits
  /// The engine's metrics, which may be read at any time.
  public let metrics: EngineMetrics
  /// The model that the engine was started for.
  public let model: any LanguageModel
  let inbox: EngineInbox
  let store: StateStore
  /// Whether state is kept for requests that begin alike.
  package let keepsPrefixes: Bool
  /// The files of other ranks that have parts of all state; `nil` where there are none.
  let otherFiles: RankFiles?
  /// The kind of state that the engine can go on from; `nil` for a model without a fingerprint.
  let identity: StateIdentity?
  let sessions = EngineSessions()
  private let watch = StepWatch()
  private let followers = PrefixFollowers()
  private let tier: DiskTier?
  private let endTokens: Set<Int32>
  private let maxUnreadTokens: Int

  /// Reserves memory for state and starts the engine's thread, which sleeps while there is nothing to do.
  ///
  /// - Parameters:
  ///   - model: The model, which other engines may run as well.
  ///   - configuration: The engine's memory, its threads, and the sizes of requests that it takes.
  ///   - metrics: The engine's metrics; those of an engine that has ended go on.
  ///   - threads: A share of threads that several engines have; by default the engine has threads of its own, as many as
  ///     the configuration says.
  /// - Throws: ``ConfigurationError`` when a value makes no sense, a budget is too small for a single sequence, or
  ///   the system refuses memory or a thread.
  public init(
    model: any LanguageModel, configuration: EngineConfiguration = EngineConfiguration(),
    metrics: EngineMetrics = EngineMetrics(modelName: "model"), threads: ThreadShare? = nil
  ) throws(ConfigurationError) {
    var configuration = configuration
    if let threads { configuration.threads = threads.team.count }
    try configuration.validate()
    var limits = try EngineLimits(configuration, model: model)
    let (workspace, activationBytes) = try Self.workspace(model, configuration, limits)
    if configuration.kvCacheMiB == nil {
      limits = try EngineLimits(configuration, model: model, activationBytes: activationBytes)
    }
    let inbox = EngineInbox(
      maxUnfinished: limits.maxUnfinished, maxWaitingTokens: configuration.maxQueueTokens ?? .max)
    let store = try Self.store(model.stateLayout, configuration, limits)
    let otherFiles = configuration.ranks.map { RankFiles(size: $0.job.size, inbox: inbox) }
    let leader = configuration.ranks.map { RankLeader($0, files: otherFiles) }
    self.otherFiles = otherFiles
    identity = Self.identity(model, configuration)
    if configuration.cacheFolder != nil, identity == nil {
      throw ConfigurationError(.cacheFolder, reason: "needs a model with a fingerprint")
    }
    let share = if let threads { threads } else { try SharedThreads(count: configuration.threads).share() }
    do throws(ModelError) {
      var tier: DiskTier?
      // State that may descend from rounded states, apart from exact state.
      let isRounded = limits.coldSlotCount > 0
      if let folder = configuration.cacheFolder,
        let identity = Self.identity(model, configuration, isRounded: isRounded)
      {
        tier = try DiskTier(
          folder, StateFiles(identity: identity, store: store, others: otherFiles, isRounded: isRounded), inbox: inbox,
          metrics: metrics)
      }
      self.tier = tier
      let thread = EngineThread(
        model: model, configuration: configuration, limits: limits, store: store, workspace: workspace, inbox: inbox,
        metrics: metrics, tier: tier, threads: share, watch: watch, followers: followers, leader: leader)
      leader?.share(limits)
      try startDetachedThread("infer-engine") { thread.run() }
    } catch {
      throw ConfigurationError(.threads, reason: "cannot be \(configuration.threads): \(error)")
    }
    self.model = model
    self.limits = limits
    self.metrics = metrics
    metrics.cacheConfiguration(String(limits.pageTokens), String(limits.pageCount)).set(1)
    self.inbox = inbox
    self.store = store
    endTokens = configuration.endTokens
    keepsPrefixes = configuration.keepsPrefixes
    maxUnreadTokens = configuration.maxUnreadTokens
  }

  deinit { inbox.enter(.stopping) }

  /// The kind of state that an engine can go on from; `nil` for a model without a fingerprint.
  static func identity(
    _ model: any LanguageModel, _ configuration: EngineConfiguration, isRounded: Bool = false
  ) -> StateIdentity? {
    model.fingerprint.map {
      StateIdentity(
        $0, model.stateLayout, kvType: configuration.kvType, pageTokens: configuration.pageTokens,
        isRounded: isRounded, grid: configuration.ranks)
    }
  }

  private static func store(
    _ layout: StateLayout, _ configuration: EngineConfiguration, _ limits: EngineLimits
  ) throws(ConfigurationError) -> StateStore {
    do {
      return try StateStore(
        layout: layout, kvType: configuration.kvType, pageTokens: configuration.pageTokens,
        pageCount: limits.pageCount, slotCount: limits.slotCount, coldSlotCount: limits.coldSlotCount)
    } catch {
      throw ConfigurationError(.kvCacheMiB, reason: "and the memory for recurrent state are too large: \(error)")
    }
  }

  /// A place for activations, and the bytes of them that are reserved.
  static func workspace(
    _ model: any LanguageModel, _ configuration: EngineConfiguration, _ limits: EngineLimits
  ) throws(ConfigurationError) -> (workspace: Workspace, activationBytes: Int) {
    let workspace = Workspace()
    guard configuration.reservesActivations || configuration.kvCacheMiB == nil else { return (workspace, 0) }
    // OpenBLAS asks for a buffer of 128 MiB for each thread, and asks again for ever where the system refuses it. The
    // rest is for stacks, heaps and the activations of the step that is tried.
    let needed = 256 + 160 * configuration.threads
    guard hasAddressSpace(for: needed << 20) else {
      throw ConfigurationError(
        .threads,
        reason: "cannot be \(configuration.threads): they take \(needed) MiB of address space, which the system refuses"
      )
    }
    do {
      let bytes = try StepRunner.activationBytes(
        of: model, rows: configuration.maxBatchTokens, logitRows: limits.maxRunning + limits.maxScoredRows,
        kvType: configuration.kvType, threads: configuration.threads, grid: configuration.ranks)
      if configuration.reservesActivations { try workspace.reserve(byteCount: bytes) }
      return (workspace, bytes)
    } catch {
      throw ConfigurationError(.maxBatchTokens, reason: "of \(configuration.maxBatchTokens) is too large: \(error)")
    }
  }

  /// Takes a request on. Never waits.
  ///
  /// - Throws: ``RequestError`` when the request can never run, the queue is full, or the engine is draining.
  /// - Complexity: O(prompt).
  public func submit(_ request: GenerationRequest) throws(RequestError) -> Generation {
    let generations = try submit([request])
    return generations[0]
  }

  /// Takes requests on, all or none: choices for one prompt, or several prompts of one caller.
  ///
  /// - Throws: ``RequestError`` of the first request that can never run, or when there is no room for all of them.
  public func submit(_ requests: [GenerationRequest]) throws(RequestError) -> [Generation] {
    do throws(RequestError) {
      var tokenLimits: [Int] = []
      for request in requests { tokenLimits.append(try limits.tokenLimit(of: request)) }
      let requests = requests.map(adapted)
      guard requests.count <= limits.maxUnfinished else {
        throw .invalid(.requests, reason: "asks for \(requests.count) texts; at most \(limits.maxUnfinished) at once")
      }
      let arrival = ContinuousClock.now
      let sequences = zip(requests, tokenLimits).map { request, limit in
        sequence(request, tokenLimit: limit, arrival: arrival)
      }
      metrics.requestsWaiting.add(Double(requests.count))
      do throws(RequestError) {
        // Before the engine's thread sees them, which notes a session's tokens at the end.
        try inbox.submit(sequences, at: arrival) {
          for request in requests { if let session = request.session { sessions.note(session, request.prompt) } }
        }
        return sequences.map { Generation(GenerationHandle($0.channel, inbox, self)) }
      } catch {
        metrics.requestsWaiting.add(-Double(requests.count))
        throw error
      }
    } catch {
      metrics.admissionRejections(error.label).increment()
      throw error
    }
  }

  /// A request whose state, and whose session, is of its adapter.
  private func adapted(_ request: GenerationRequest) -> GenerationRequest {
    guard let name = request.adapter else { return request }
    var request = request
    request.cacheScope = request.cacheScope.map { scope($0, ofAdapter: name) }
    request.session = request.session.map { SessionName($0.name, in: scope($0.scope, ofAdapter: name)) }
    return request
  }

  /// The part of a scope in which requests with an adapter have their state and their sessions. One that the model was
  /// not loaded with has none.
  ///
  /// - Parameters:
  ///   - scope: ``GenerationRequest/cacheScope`` of such requests.
  ///   - name: ``GenerationRequest/adapter`` of such requests.
  public func scope(_ scope: CacheScope, ofAdapter name: String?) -> CacheScope {
    scope.adapted(by: name.flatMap(limits.adapter).map { limits.adapters[$0] })
  }

  private func sequence(
    _ request: GenerationRequest, tokenLimit: Int, arrival: ContinuousClock.Instant
  ) -> EngineSequence {
    var noteTokens: (@Sendable ([Int32]) -> Void)?
    if let session = request.session {
      noteTokens = { [sessions] (tokens: [Int32]) in sessions.note(session, tokens) }
    }
    let sequence = EngineSequence(
      request, adapter: request.adapter.flatMap(limits.adapter), tokenLimit: tokenLimit, endTokens: endTokens,
      keepsPrefixes: keepsPrefixes, maxUnread: maxUnreadTokens,
      arrival: arrival, noteTokens: noteTokens)
    if let tier, let scope = sequence.scheduling.scope {
      sequence.storedTokens = tier.find(request.prompt, limit: sequence.scheduling.reusable, in: scope)
    }
    return sequence
  }

  /// Checks a request as ``submit(_:)-(GenerationRequest)`` does, without taking it on.
  ///
  /// - Throws: ``RequestError`` when the request can never run.
  public func check(_ request: GenerationRequest) throws(RequestError) { _ = try limits.tokenLimit(of: request) }

  /// `true` when the prefix cache has a folder on disk.
  public var keepsPrefixesOnDisk: Bool { tier != nil }

  /// The step that has begun, for whoever watches that it ends, until the next one begins; `nil` while there is nothing to do.
  /// A step that waits for other engines' has not begun.
  public var stepUnderWay: StepUnderWay? { watch.underWay }

  /// `true` while new requests are taken on, until the engine drains or is shut down.
  public var isAccepting: Bool { inbox.phase == .accepting }

  /// `true` while no request runs or waits.
  public var isIdle: Bool { inbox.isIdle }

  /// Refuses new requests from now on, and returns when none is unfinished, and what is kept of them is on disk where the
  /// cache has a folder. What is not finished within `limit` ends with ``FinishReason/shutdown``.
  public func drain(within limit: Duration? = nil) async {
    let inbox = inbox
    followers.end()
    inbox.enter(.draining)
    let deadline = limit.map { limit in
      Task {
        try await Task.sleep(for: limit)
        inbox.enter(.ending)
      }
    }
    let end = limit.map { ContinuousClock.now + $0 }
    await inbox.idle()
    deadline?.cancel()
    await tier?.flush(until: end)
  }

  /// Gives up what the prefix cache keeps, in memory and on disk, and returns when it is done, between two steps. What
  /// running requests hold stays until they end.
  public func resetPrefixCache() async {
    await tier?.reset()
    await inbox.resetCache()
  }

  /// The landmarks of requests (``GenerationRequest/landmarks``) that the prefix cache has state for; `nil` when the
  /// engine has ended. Returns between two steps.
  public func prefixDigest() async -> PrefixDigest? {
    await withCheckedContinuation { continuation in
      let instance = followers.instance
      let isTaken = inbox.perform { memory in
        continuation.resume(
          returning: PrefixDigest(instance: instance, sequence: memory.landmarkChanges, landmarks: memory.landmarks))
      }
      if !isTaken { continuation.resume(returning: nil) }
    }
  }

  /// Follows the changes of ``prefixDigest()``, until the engine drains or ends.
  package func followPrefixes() -> PrefixFollowers.Follower { followers.follow() }

  /// Ends what is unfinished, with ``FinishReason/shutdown``, and returns when the engine's thread has ended, one step
  /// later at the latest. The engine is of no use afterwards.
  public func shutdown() async { await inbox.stop() }
}
