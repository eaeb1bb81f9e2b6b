internal import InferMetrics

/// The engine's loop: look at what came in, plan a step, run it, choose tokens, pass them on.
final class EngineThread: @unchecked Sendable {
  // Safe because it is made by one thread and from then on used by the thread that calls run() alone.
  private let model: any LanguageModel
  private let inbox: EngineInbox
  private let recorder: StepRecorder
  private let store: StateStore
  /// The threads to compute with.
  private let threads: ThreadShare
  private let workspace: Workspace
  private var scheduler: Scheduler<EngineSequence>
  private let readerPatience: Duration
  /// The cache's part on disk.
  private let tier: DiskTier?
  private let watch: StepWatch
  /// Those who want to know when the cache's landmarks change.
  private let followers: PrefixFollowers
  private let blockObserver: (@Sendable ([BlockChange], [ModelAdapter]) -> Void)?
  private let adapters: [ModelAdapter]
  /// The link to the other ranks of the model; `nil` where there are none.
  private let leader: RankLeader?

  // Reused from step to step.
  private var news = EngineInbox.News()
  private var plan = StepPlan()
  private var sampling: BatchSampling
  private var outcomes: [RunOutcome] = []
  /// Sequences that have ended and have not been told.
  private var endings: [(sequence: EngineSequence, reason: FinishReason)] = []

  init(
    model: any LanguageModel, configuration: EngineConfiguration, limits: EngineLimits, store: StateStore,
    workspace: Workspace, inbox: EngineInbox, metrics: EngineMetrics, tier: DiskTier?,
    threads: ThreadShare, watch: StepWatch, followers: PrefixFollowers, leader: RankLeader?
  ) {
    self.model = model
    self.followers = followers
    blockObserver = configuration.blockObserver
    adapters = limits.adapters
    self.leader = leader
    self.watch = watch
    self.workspace = workspace
    readerPatience = configuration.readerPatience
    self.inbox = inbox
    self.store = store
    self.tier = tier
    plan.pages.reserveCapacity(limits.pageCount)
    recorder = StepRecorder(metrics, limits.budget, coldSlotBytes: model.stateLayout.coldSlotBytes)
    self.threads = threads
    sampling = BatchSampling(workers: threads.team.count)
    scheduler = Scheduler(
      maxBatchTokens: configuration.maxBatchTokens, maxRunning: limits.maxRunning,
      maxScoredRows: limits.maxScoredRows, targetSeconds: configuration.interTokenTarget?.seconds,
      memory: SequenceMemory(
        rows: limits.rows, maxRun: configuration.maxBatchTokens, pageCount: limits.pageCount,
        slotCount: limits.slotCount,
        hasRecurrentState: model.stateLayout.slotBytes > 0, budget: limits.budget, coldSlotCount: limits.coldSlotCount,
        copyState: { source, target in
          threads.withTurn { store.copySlot(from: source, to: target, $0) }
          leader?.note(.copySlot(from: source, to: target))
        }))
    let needsState = model.stateLayout.slotBytes > 0
    scheduler.withMemory { memory in
      memory.notesKept = tier != nil
      if blockObserver != nil { memory.journal = BlockJournal(needsState: needsState) }
    }
  }

  /// Works until the engine is to stop.
  func run() {
    while true {
      inbox.take(into: &news)
      accept()
      giveUpOnReaders(at: .now)
      if news.phase >= .ending {
        for sequence in scheduler.removeAll() { endings.append((sequence, .shutdown)) }
      }
      announceEndings(at: .now)
      if news.phase == .stopping { break }
      if scheduler.isIdle {
        recorder.noteIdle()
        wait()
      } else {
        step()
      }
    }
    watch.rest()
    threads.rest()
    leader?.end()
    tier?.stop()
    followers.end()
    blockObserver?([.cleared], adapters)
    for errand in inbox.stopped() { scheduler.withMemory(errand) }
  }

  /// Looks at the news: requests that came, that are to end, and that go on.
  private func accept() {
    for sequence in news.arrivals {
      scheduler.add(sequence)
      loadState(of: sequence)
    }
    recorder.noteArrivals(news.arrivals.count)
    news.arrivals.removeAll(keepingCapacity: true)
    for (channel, reason) in news.endings { end(reason) { $0.channel === channel } }
    if !news.errands.isEmpty { runErrands() }
    if !news.cacheResets.isEmpty { resetCache() }
    for channel in news.caughtUp { scheduler.unpark { $0.channel === channel }?.deadline = nil }
  }

  private func runErrands() {
    for errand in news.errands { scheduler.withMemory(errand) }
    news.errands = []
    giveBackMemory()
  }

  /// Has a request wait for its state from disk where that saves it some tokens.
  private func loadState(of sequence: EngineSequence) {
    guard let tier, scheduler.benefits(sequence, from: sequence.storedTokens), let scope = sequence.scheduling.scope
    else { return }
    sequence.scheduling.isLoading = true
    sequence.scheduling.expectedTokens = sequence.storedTokens
    tier.load(Array(sequence.scheduling.tokens.prefix(sequence.storedTokens)), in: scope) {
      sequence.scheduling.isLoading = false
    }
  }

  private func resetCache() {
    scheduler.resetCache()
    giveBackMemory()
    recorder.note(scheduler)
    for waiter in news.cacheResets { waiter.resume() }
    news.cacheResets = []
  }

  /// Lets the system have the memory that the scheduler does without, before anything is written elsewhere.
  private func giveBackMemory() {
    scheduler.giveBackMemory { [store, leader] in
      store.giveBack(pages: $0.pages, slots: $0.slots)
      leader?.note(.giveBack(pages: $0.pages, slots: $0.slots))
    }
  }

  /// Ends requests that have paused for too long.
  private func giveUpOnReaders(at now: ContinuousClock.Instant) {
    while let late = scheduler.parked.first(where: { $0.deadline.map { $0 <= now } ?? false }) {
      end(.unread) { $0 === late }
    }
  }

  /// Ends a request between steps, unless it has ended.
  private func end(_ reason: FinishReason, where isWanted: (EngineSequence) -> Bool) {
    if let sequence = scheduler.remove(where: isWanted) { endings.append((sequence, reason)) }
  }

  /// Tells of what has ended, once its memory is free and the metrics are true: whoever hears of it may look, or
  /// submit the next request, at once.
  private func announceEndings(at now: ContinuousClock.Instant) {
    if let tier { scheduler.withMemory { tier.save(newlyKeptIn: &$0) } }
    recorder.note(scheduler)
    followers.note(scheduler.memory.landmarkChanges)
    tellOfBlocks()
    guard !endings.isEmpty else { return }
    let unread = endings.reduce(0) { $0 + ($1.sequence.hasStarted ? 0 : $1.sequence.scheduling.promptLength) }
    inbox.free(endings.count, unreadTokens: unread, at: now)
    for (sequence, reason) in endings {
      if reason == .notFinite { forget(sequence) }
      sequence.finish(reason, at: now, recorder.metrics)
    }
    endings.removeAll(keepingCapacity: true)
    inbox.announceIdleness()
  }

  /// Passes the changes of the prefix cache's blocks on to their observer.
  private func tellOfBlocks() {
    guard let blockObserver else { return }
    var changes: [BlockChange] = []
    scheduler.withMemory { changes = $0.journal?.take() ?? [] }
    if !changes.isEmpty { blockObserver(changes, adapters) }
  }

  /// Gives up what is kept of a sequence, whose state may hold what is no number.
  private func forget(_ sequence: EngineSequence) {
    guard let scope = sequence.scheduling.scope else { return }
    let tokens = sequence.scheduling.tokens
    tier?.forget(tokens, in: scope)
    scheduler.withMemory { $0.forget(tokens, in: scope) }
  }

  private func wait() {
    watch.rest()
    threads.rest()
    leader?.pulse(at: .now)
    inbox.wait(until: (scheduler.parked.compactMap(\.deadline) + [leader?.nextPulse].compactMap(\.self)).min())
  }

  private func step() {
    watch.rest()
    // Planning copies states to and from cold slots, which takes its time.
    let start = threads.begin()
    watch.begin(at: start)
    scheduler.plan(into: &plan)
    if plan.runs.isEmpty, scheduler.isLoading { return wait() }
    precondition(!plan.runs.isEmpty, "\(scheduler.running.count) sequences run and none advances")
    for sequence in scheduler.preempted { sequence.notePreemption() }
    var started = 0
    for sequence in scheduler.planned where sequence.noteStep(at: start) {
      started += sequence.scheduling.promptLength
    }
    if started > 0 { inbox.started(tokens: started, at: start) }
    leader?.pulse(at: start)
    recorder.note(scheduler)
    let promptRows = promptRows
    watch.note(plan, promptRows: promptRows)
    compute()
    let now = ContinuousClock.now
    threads.end(at: now)
    scheduler.observe(plan, seconds: (now - start).seconds)
    recorder.noteStep(
      plan, promptRows: promptRows, generated: sampling.generatedCount, preemptions: scheduler.preempted.count,
      report: workspace.report, at: now)
    deliver(at: now)
  }

  /// The number of the plan's rows that are tokens of prompts.
  private var promptRows: Int {
    zip(scheduler.planned, plan.runs).reduce(0) { sum, planned in
      let (sequence, run) = planned
      return sum + min(max(sequence.scheduling.promptLength - run.position, 0), run.tokens.count)
    }
  }

  /// Runs the model, and chooses a token from each row of logits, or scores one.
  private func compute() {
    giveBackMemory()
    leader?.begin(plan)
    for copy in plan.pageCopies {
      store.copyPage(from: copy.source, to: copy.target, tokens: copy.tokens, group: copy.group)
    }
    sampling.removeAll()
    for (sequence, run) in zip(scheduler.planned, plan.runs) {
      for row in run.logits {
        sampling.append(sequence.use(ofLogitsAfter: run.position + row - run.tokens.lowerBound))
      }
    }
    let grid = leader?.grid
    guard let grid, grid.stages > 1 else {
      return run(Step(plan: plan, store: store, team: threads.team, workspace: workspace, grid: grid))
    }
    let parts = plan.parts(for: grid)
    for (index, part) in parts.enumerated() {
      run(
        Step(plan: part, store: store, team: threads.team, workspace: workspace, grid: grid, goesOn: index > 0),
        isLast: index == parts.count - 1)
    }
  }

  // A step that is a local variable is put on the heap, one that is an argument is not.
  private func run(_ step: borrowing Step, isLast: Bool = true) {
    var logits = step.take(rows: step.plan.logitRowCount, columns: model.vocabularySize)
    let hiddenCount = step.plan.hiddenRowCount
    if hiddenCount > 0, let width = model.hiddenWidth {
      var hidden = step.take(rows: hiddenCount, columns: width)
      model.forward(step, logits: &logits, hidden: &hidden)
      pool(hidden.rows)
    } else {
      model.forward(step, logits: &logits)
    }
    if isLast { sampling.run(&logits, threads.team) }
  }

  /// Gives each sequence the hidden states that it wants.
  private func pool(_ hidden: Rows) {
    var next = 0
    for (sequence, run) in zip(scheduler.planned, plan.runs) {
      for _ in run.hidden {
        sequence.receive(hidden: hidden[next])
        next += 1
      }
    }
  }

  /// Passes on what came of the step, and ends or pauses the sequences that end or whose readers are behind.
  private func deliver(at now: ContinuousClock.Instant) {
    outcomes.removeAll(keepingCapacity: true)
    var row = 0
    for (sequence, run) in zip(scheduler.planned, plan.runs) {
      let results = sampling.results[row..<row + run.logits.count]
      row += run.logits.count
      let progress =
        sequence.scheduling.isPooled
        ? sequence.receivePooled(upTo: run.position + run.tokens.count, at: now, recorder.metrics)
        : sequence.receive(results, at: now, recorder.metrics)
      outcomes.append(progress.outcome)
      if case .ended(let reason) = progress {
        endings.append((sequence, reason))
      } else if sequence.channel.isFull() {
        sequence.deadline = now + readerPatience
      }
    }
    scheduler.commit(plan, outcomes)
    scheduler.park { $0.deadline != nil }
    announceEndings(at: now)
  }
}
