/// The kept states of a cache, by slot: where they are, and in which order they are given up.
///
/// All states of a model take the same memory, or the same where they are cold, so that what one saves is the tokens from the
/// nearest kept state before it. Together with recency that makes the priority of GreedyDual-Size (Cao & Irani 1997): the
/// priority of the state that was given up last, at the last use, plus what it saves. A state that others come behind saves so much only for sequences that part
/// from theirs in between, which is rarer: a conversation goes on from its last state. States that sequences have started
/// from go last, for as long as that happens now and then.
struct KeptStates {
  struct State {
    /// The node of the last token before the state.
    let node: Int32
    /// The number of tokens that the state comes after.
    let position: Int
    /// The slot of the nearest kept state before it; ``none`` for the first.
    fileprivate(set) var previous: Int32
    /// The number of states that this is the nearest before.
    fileprivate(set) var successors = 0
    /// The priority of the state that left its slot last, at the last use.
    fileprivate var age: Double
    /// The number of states that were given up before a sequence last started from this one; `nil` when none did.
    fileprivate var lastUse: Int?
    /// The places of prompts that can go on from the state.
    fileprivate var landmarks = LandmarkHashes()
  }

  /// The place of a state in the order in which states are given up.
  struct Rank: Comparable {
    let isProtected: Bool
    let priority: Double

    static func < (a: Rank, b: Rank) -> Bool {
      a.isProtected == b.isProtected ? a.priority < b.priority : b.isProtected
    }
  }

  static let none: Int32 = -1
  /// The part of what it saves that counts for a state with others behind it. On Mooncake's conversations (FAST '25) a half
  /// found most of 0.1 … 1, with half of the memory that keeping everything takes and with an eighth.
  private static let partOfPassed = 0.5

  private var states: [State?]
  /// The number of states.
  private(set) var count = 0
  /// The number of states that were given up.
  private(set) var evictions = 0
  /// The number of times that the states, or one of them, got or lost landmarks.
  private(set) var landmarkChanges = 0
  /// The priority of the last of them, or of the last that became cold.
  private var evictedPriority = 0.0

  init(slotCount: Int) { states = Array(repeating: nil, count: slotCount) }

  /// The state in a slot; `nil` when the slot keeps none.
  subscript(slot: Int32) -> State? { states[Int(slot)] }

  /// Adds a state after the nearest one before it. O(states behind it).
  ///
  /// - Parameters:
  ///   - behind: The slots of the nearest states behind it.
  ///   - isShared: `true` when somebody is sure to start from the state.
  mutating func insert(
    _ slot: Int32, after position: Int, of node: Int32, previous: Int32, behind: [Int32], isShared: Bool
  ) {
    var state = State(
      node: node, position: position, previous: previous, age: evictedPriority, lastUse: isShared ? evictions : nil)
    // Those behind a state that is nearer to them keep that one.
    for other in behind where states[Int(other)]?.previous == previous {
      states[Int(other)]?.previous = slot
      state.successors += 1
    }
    if previous != Self.none { states[Int(previous)]?.successors += 1 - state.successors }
    states[Int(slot)] = state
    count += 1
  }

  /// Notes that a sequence starts from a state.
  mutating func use(_ slot: Int32) {
    states[Int(slot)]?.lastUse = evictions
    states[Int(slot)]?.age = evictedPriority
  }

  /// Notes that prompts with a landmark can go on from a state; 0 is none.
  mutating func add(landmark hash: UInt64, to slot: Int32) {
    if states[Int(slot)]?.landmarks.insert(hash) ?? false { landmarkChanges += 1 }
  }

  /// Calls `body` with each landmark of each state, and the state's position. O(slots).
  func forEachLandmark(_ body: (_ hash: UInt64, _ position: Int) -> Void) {
    for case .some(let state) in states { state.landmarks.forEach { body($0, state.position) } }
  }

  /// Removes a state for good. O(slots).
  mutating func remove(_ slot: Int32) {
    guard let state = take(slot) else { return }
    if state.previous != Self.none { states[Int(state.previous)]?.successors += state.successors - 1 }
    relink(from: slot, to: state.previous)
    if !state.landmarks.isEmpty { landmarkChanges += 1 }
    count -= 1
    evictions += 1
  }

  /// Notes that a state is in another slot. O(slots).
  mutating func move(from slot: Int32, to target: Int32) {
    guard let state = take(slot) else { return }
    states[Int(target)] = state
    relink(from: slot, to: target)
  }

  /// The state in a slot, which is empty afterwards; what is given up later is worth more than it was.
  private mutating func take(_ slot: Int32) -> State? {
    guard let state = states[Int(slot)] else { return nil }
    evictedPriority = max(evictedPriority, rank(state).priority)
    states[Int(slot)] = nil
    return state
  }

  private mutating func relink(from slot: Int32, to target: Int32) {
    for index in states.indices where states[index]?.previous == slot { states[index]?.previous = target }
  }

  /// The state that goes first of those in some slots that can. O(slots).
  func least(of slots: Range<Int>, where canGo: (Int32) -> Bool) -> (slot: Int32, rank: Rank)? {
    guard count > 0 else { return nil }
    var least: (slot: Int32, rank: Rank)?
    for slot in slots {
      guard let state = states[slot], canGo(Int32(slot)) else { continue }
      let rank = rank(state)
      if least.map({ rank < $0.rank }) ?? true { least = (Int32(slot), rank) }
    }
    return least
  }

  /// The rank of the state in a slot.
  func rank(of slot: Int32) -> Rank? { states[Int(slot)].map(rank) }

  private func rank(_ state: State) -> Rank {
    let before = state.previous == Self.none ? 0 : states[Int(state.previous)]?.position ?? 0
    let saved = Double(state.position - before) * (state.successors > 0 ? Self.partOfPassed : 1)
    return Rank(
      isProtected: state.lastUse.map { evictions - $0 < 2 * states.count } ?? false,
      priority: state.age + saved)
  }
}
