import Foundation
import InferCore

/// A model that the server knows, loaded or not.
final class HostedModel: Sendable {
  /// A model's settings.
  struct Definition: Sendable {
    /// The names that requests may call the model by; the first is the one in responses.
    var names: [String]
    /// The names of the model's adapters.
    var adapters: [String] = []
    /// The bytes of these.
    var adapterBytes = 0
    /// The place of its files, for messages.
    var path = ""
    /// `true` for a model that is loaded when the server starts; others are when they are first asked for.
    var loadsAtStart = true
    /// `true` for a model that stays in memory when others need room.
    var isPinned = false
    /// `true` for a model that other processes have parts of: it is loaded once, and stays.
    var isDivided = false
    /// After how long without requests the model is unloaded; `nil` for never.
    var idleTime: Duration?
    /// The bytes of memory that the model will take when it is loaded; `nil` where its files do not tell.
    var expectedBytes: @Sendable () -> Int? = { nil }
    /// The place that the model's files take; `nil` where there are none.
    var diskUse: @Sendable () -> ModelDiskUse? = { nil }
    /// Loads the model; called on a thread of its own.
    var load: @Sendable (EngineMetrics, _ tell: @escaping @Sendable (LoadProgress) -> Void) throws -> ServedModel
  }

  /// Stages of a model's life.
  enum State: Sendable {
    case unloaded
    /// Waits for its turn to be loaded, or is being loaded.
    case loading(LoadProgress?)
    case ready(ServedModel)
    /// Finishes what runs, to be unloaded.
    case unloading
    /// Could not be loaded.
    case failed(any Error, at: ContinuousClock.Instant)

    /// The stage's name.
    var name: String {
      switch self {
      case .unloaded: "unloaded"
      case .loading: "loading"
      case .ready: "loaded"
      case .unloading: "unloading"
      case .failed(let error, _): (error as? NoRoom)?.isPassing == true ? "unloaded" : "failed"
      }
    }
  }

  private struct Contents {
    var state = State.unloaded
    /// Requests that hold the model.
    var uses = 0
    /// When the last request let go of the model, or it was loaded.
    var lastUse = ContinuousClock.now
    /// How long the model stays, as a request has it; `nil` for the model's own time.
    var stayTime: StayTime?
    /// Those who wait for the end of loading.
    var waiters: [AsyncStream<Void>.Continuation] = []
  }

  let definition: Definition
  /// When the server came to know the model, in seconds since 1970.
  let created = Int(Date().timeIntervalSince1970)
  /// The measurements of the model's engine, which outlive it.
  let metrics: EngineMetrics
  /// Readings of those, second by second.
  let statistics: Statistics
  private let contents = Monitor(Contents())

  init(_ definition: Definition) {
    precondition(!definition.names.isEmpty, "a model without a name")
    self.definition = definition
    metrics = EngineMetrics(modelName: definition.names[0])
    statistics = Statistics(metrics)
  }

  /// The model's name in responses.
  var name: String { definition.names[0] }

  /// The model's name with a tag, as Ollama tells it.
  static func tagged(_ name: String) -> String { name.utf8.contains(UInt8(ascii: ":")) ? name : "\(name):latest" }

  var state: State { contents.withLock { $0.state } }

  var isLoaded: Bool { if case .ready = state { true } else { false } }

  /// The model if it is loaded, in use from now on until the result and its copies are gone.
  func use() -> ServedModel? {
    let served: ServedModel? = contents.withLock { contents in
      guard case .ready(let served) = contents.state else { return nil }
      contents.uses += 1
      return served
    }
    return served?.used(by: Use(self))
  }

  /// `true` while requests hold the model or its engine has some that are unfinished.
  var isBusy: Bool {
    contents.withLock { contents in
      guard case .ready(let served) = contents.state else { return false }
      return contents.uses > 0 || !served.engine.isIdle
    }
  }

  /// When the model was last used.
  var lastUse: ContinuousClock.Instant { contents.withLock { $0.lastUse } }

  /// After how long without requests the model is unloaded; `nil` for never.
  var idleTime: Duration? {
    switch contents.withLock({ $0.stayTime }) {
    case nil: definition.idleTime
    case .forever?: nil
    case .time(let time)?: time
    }
  }

  /// Has the model stay for a time after its last request, or for its own with `nil`, until it is unloaded. Returns `false`
  /// for one that is pinned, which stays.
  func stay(_ time: StayTime?) -> Bool {
    guard !definition.isPinned, !definition.isDivided else { return false }
    contents.withLock { $0.stayTime = time }
    return true
  }

  /// The bytes of memory that the model takes; 0 while it is not loaded.
  var bytes: Int {
    if case .ready(let served) = state { served.bytes + definition.adapterBytes } else { 0 }
  }

  /// The bytes of memory that the model takes, or will take when it is loaded; `nil` where its files do not tell.
  var memoryBytes: Int? {
    let bytes: Int? = if case .ready(let served) = state { served.bytes } else { definition.expectedBytes() }
    return bytes.map { $0 + definition.adapterBytes }
  }

  /// Changes the state; `nil` from `change` leaves it. Whoever waits for the end of loading looks again.
  @discardableResult func change(_ change: (State) -> State?) -> Bool {
    let waiters: [AsyncStream<Void>.Continuation]? = contents.withLock { contents in
      guard let state = change(contents.state) else { return nil }
      contents.state = state
      if case .unloaded = state { contents.stayTime = nil }
      if case .loading = state { return [] }
      contents.lastUse = .now
      defer { contents.waiters = [] }
      return contents.waiters
    }
    for waiter in waiters ?? [] { waiter.finish() }
    return waiters != nil
  }

  /// Returns when the model is no longer being loaded, the deadline has passed or the task is cancelled.
  func loaded(until deadline: ContinuousClock.Instant) async {
    let (changes, waiter) = AsyncStream<Void>.makeStream()
    let waits = contents.withLock { contents in
      guard case .loading = contents.state else { return false }
      contents.waiters.append(waiter)
      return true
    }
    guard waits else { return }
    let alarm = Alarm(at: deadline) { waiter.finish() }
    defer { alarm.cancel() }
    for await _ in changes {}
  }

  /// A request's hold on a model.
  final class Use: Sendable {
    let model: HostedModel

    fileprivate init(_ model: HostedModel) { self.model = model }

    deinit {
      model.contents.withLock { contents in
        contents.uses -= 1
        contents.lastUse = .now
      }
    }
  }
}
