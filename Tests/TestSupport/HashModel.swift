internal import Foundation
public import InferCore

/// A language model whose logits are a hash of the whole token history — as it finds it in pages and slots.
///
/// It is exact: any mistake in pages, slots, positions or rows changes the logits of that sequence to noise, while a
/// right answer does not depend on how the history was cut into steps or batched. ``logits(after:)`` says what is
/// right.
public struct HashModel: LanguageModel {
  /// What the model remembers a history in.
  public struct Memory: OptionSet, Sendable {
    /// The bits.
    public let rawValue: Int
    /// A set of the given bits.
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Pages, as attention does.
    public static let paged = Memory(rawValue: 1)
    /// A slot, as state-space models do.
    public static let recurrent = Memory(rawValue: 2)
    /// Pages that are looked back at for ``HashModel/window`` tokens, as attention with a window does.
    public static let windowed = Memory(rawValue: 4)
  }

  /// The number of tokens that pages with a window are looked back at.
  public static let window = 10

  /// Number of logits.
  public let vocabularySize: Int
  /// The longest sequence.
  public let contextLength: Int
  /// A page layer of one head, or a slot, or both.
  public let stateLayout: StateLayout
  /// Called at the start of every step, on the engine's thread.
  public let onForward: (@Sendable (StepPlan) -> Void)?
  /// After this token all logits are NaN.
  public let brokenToken: Int32?
  /// That of a model of this name.
  public let fingerprint: ModelFingerprint?
  private let pages, windowed: StateHandle?
  private let slot: StateHandle?
  private let unusedState: Int

  /// A model with the given memory. It uses one head of `heads`, and two floats behind `unusedState` others; more make
  /// pages and slots larger, and the same budget tighter.
  public init(
    memory: Memory = [.paged, .recurrent], vocabularySize: Int = 97, contextLength: Int = 4096,
    heads: Int = 1, unusedState: Int = 0, brokenToken: Int32? = nil, name: String = "hash",
    onForward: (@Sendable (StepPlan) -> Void)? = nil
  ) {
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.brokenToken = brokenToken
    self.onForward = onForward
    fingerprint = ModelFingerprint(name)
    var layout = StateLayout()
    pages = memory.contains(.paged) ? layout.add(.paged(heads: heads, headDimension: 2)) : nil
    windowed =
      memory.contains(.windowed) ? layout.add(.paged(heads: heads, headDimension: 2), window: Self.window) : nil
    slot = memory.contains(.recurrent) ? layout.add(.recurrent(count: unusedState + 2)) : nil
    self.unusedState = unusedState
    stateLayout = layout
  }

  /// A model that takes its time once a sequence is long, three minutes for all of its context: whoever has to end it
  /// finds it at work even when other tests keep all threads busy meanwhile.
  public static func unhurried(vocabularySize: Int = 97) -> HashModel {
    HashModel(vocabularySize: vocabularySize) { plan in
      if plan.runs.contains(where: { $0.position > 500 }) { Thread.sleep(forTimeInterval: 0.05) }
    }
  }

  /// See ``LanguageModel``.
  public func forward(_ step: borrowing Step, logits: inout MutableRows) {
    onForward?(step.plan)
    var row = 0
    for run in step.plan.runs {
      var recurrent: UInt64
      switch run.start {
      case .zero: recurrent = 0
      case .slot: recurrent = loadSlot(run.slot, step.store)
      case .copy(let kept): recurrent = loadSlot(kept, step.store)
      }
      for (offset, index) in run.tokens.enumerated() {
        let (token, position) = (step.plan.tokens[index], run.position + offset)
        recurrent = Self.extend(recurrent, with: token, at: position)
        for handle in [pages, windowed].compactMap(\.self) { store(token, at: position, of: run, in: handle, step) }
        for capture in step.plan.captures[run.captures] where capture.rows == offset + 1 {
          saveSlot(recurrent, capture.slot, step.store)
        }
        guard run.logits.contains(index) else { continue }
        var paged = pages.map { hash(0...position, of: run, in: $0, step) } ?? 0
        paged &+= 7 &* (windowed.map { hash(Self.seen(from: position), of: run, in: $0, step) } ?? 0)
        var values = logits.row(row)
        let all = self.values(token: token, position: position, paged: paged, recurrent: recurrent)
        for i in values.indices { values[i] = all[i] }
        row += 1
      }
      saveSlot(recurrent, run.slot, step.store)
    }
    precondition(row == logits.count, "\(row) rows of logits, not \(logits.count)")
  }

  /// The logits that follow a history.
  public func logits(after history: [Int32]) -> [Float] {
    func hash(_ positions: ClosedRange<Int>) -> UInt64 {
      positions.reduce(0) { Self.extend($0, with: history[$1], at: $1) }
    }
    let last = history.count - 1
    guard last >= 0 else { return values(token: 0, position: -1, paged: 0, recurrent: 0) }
    return values(
      token: history[last], position: last,
      paged: (pages == nil ? 0 : hash(0...last)) &+ 7 &* (windowed == nil ? 0 : hash(Self.seen(from: last))),
      recurrent: slot == nil ? 0 : hash(0...last))
  }

  /// The most likely continuation.
  public func greedy(after prompt: [Int32], count: Int) -> [Int32] {
    var history = prompt
    for _ in 0..<count {
      let row = logits(after: history)
      let best = row.indices.max { (row[$0], $1) < (row[$1], $0) } ?? 0
      history.append(Int32(best))
    }
    return Array(history.dropFirst(prompt.count))
  }

  private func values(token: Int32, position: Int, paged: UInt64, recurrent: UInt64) -> [Float] {
    if token == brokenToken { return Array(repeating: .nan, count: vocabularySize) }
    let own = Self.extend(0, with: token, at: position)
    let relevant = own &+ (paged &* 3) &+ (slot == nil ? 0 : recurrent &* 5)
    var random = SeededGenerator(seed: relevant)
    return random.floats(vocabularySize, scale: 4)
  }

  private static func extend(_ hash: UInt64, with token: Int32, at position: Int) -> UInt64 {
    var random = SeededGenerator(seed: hash ^ UInt64(UInt32(bitPattern: token)) << 32 ^ UInt64(position))
    return random.next()
  }
}

extension HashModel {
  /// The positions that a token in a window looks back at.
  private static func seen(from position: Int) -> ClosedRange<Int> { max(0, position + 1 - window)...position }

  /// Keys hold tokens and values hold positions.
  private func addresses(
    of position: Int, of run: Run, in handle: StateHandle, _ step: borrowing Step
  ) -> (key: UnsafeMutableRawPointer, value: UnsafeMutableRawPointer) {
    let store = step.store
    let page = unsafe step.page(position / store.pageTokens, of: run, in: handle)
    let stride = store.kvType.bytes(2)
    let key = unsafe page + position % store.pageTokens * stride
    return unsafe (key, key + store.pageTokens * stride)
  }

  private func store(_ token: Int32, at position: Int, of run: Run, in handle: StateHandle, _ step: borrowing Step) {
    let (key, value) = unsafe addresses(of: position, of: run, in: handle, step)
    unsafe key.storeBytes(of: token, as: Int32.self)
    unsafe value.storeBytes(of: Int32(position), as: Int32.self)
  }

  private func hash(
    _ positions: ClosedRange<Int>, of run: Run, in handle: StateHandle, _ step: borrowing Step
  ) -> UInt64 {
    var hash: UInt64 = 0
    for position in positions {
      let (key, value) = unsafe addresses(of: position, of: run, in: handle, step)
      let found = unsafe Int(value.load(as: Int32.self))
      hash = unsafe Self.extend(hash, with: key.load(as: Int32.self), at: found)
    }
    return hash
  }

  private func loadSlot(_ index: Int32, _ store: StateStore) -> UInt64 {
    guard let slot else { return 0 }
    return unsafe UnsafeRawPointer(store.slot(index, of: slot) + unusedState).load(as: UInt64.self)
  }

  private func saveSlot(_ hash: UInt64, _ index: Int32, _ store: StateStore) {
    guard let slot else { return }
    unsafe UnsafeMutableRawPointer(store.slot(index, of: slot) + unusedState).storeBytes(of: hash, as: UInt64.self)
  }
}
