/// The turns of a conversation, of which the oldest can be left out where all together are too long.
///
/// A turn is a user's message and those that follow it up to the next user's: answers, calls of tools and their results.
/// Messages before the first user's make one as well. The last turn always stays, and so do messages of the system and of
/// the developer, wherever they stand. A result of a tool belongs to the turn of its call, whatever stands between them.
package struct ConversationTurns: Sendable {
  private let messages: [JSONValue]
  /// The turn of each message; `nil` for one that always stays.
  private let turns: [Int?]
  /// The number of turns that can be left out.
  package let count: Int

  /// Finds the turns of messages that have a `role`, and `tool_calls` or a `tool_call_id` where they are about tools.
  ///
  /// - Complexity: O(n) in the number of messages.
  package init(_ messages: [JSONValue]) {
    self.messages = messages
    var raw: [Int?] = []
    var calls = CallPlaces()
    /// The first turn that each turn is about.
    var origins: [Int] = [0]
    var isEmpty = true
    for message in messages {
      let role = message["role"]?.string ?? ""
      if ["system", "developer"].containsExactly(role) {
        raw.append(nil)
        continue
      }
      if role.isExactly("user"), !isEmpty { origins.append(origins.count) }
      isEmpty = false
      let turn = origins.count - 1
      raw.append(turn)
      calls.note(message, in: turn)
      if role.isExactly("tool"), let origin = calls.turn(of: message, in: turn) {
        origins[turn] = min(origins[turn], origin)
      }
    }
    // A turn goes on with what a later one is about.
    var (joined, first) = (Array(repeating: false, count: origins.count), Int.max)
    for turn in origins.indices.reversed() {
      first = min(first, origins[turn])
      joined[turn] = first < turn
    }
    var numbers: [Int] = []
    for isJoined in joined { numbers.append((numbers.last ?? -1) + (isJoined ? 0 : 1)) }
    turns = raw.map { $0.map { numbers[$0] } }
    count = numbers.last ?? 0
  }

  /// The messages without those of the oldest turns.
  ///
  /// - Parameter count: The number of turns that are left out, up to ``count``.
  package func messages(droppingFirst count: Int) -> [JSONValue] {
    precondition((0...self.count).contains(count), "\(count) of \(self.count) turns")
    return zip(messages, turns).filter { $0.1.map { $0 >= count } ?? true }.map(\.0)
  }
}

/// The turns in which tools were called.
private struct CallPlaces {
  private var byID: TextDictionary<Int> = [:]
  private var last: Int?

  mutating func note(_ message: JSONValue, in turn: Int) {
    guard let calls = message["tool_calls"]?.array, !calls.isEmpty else { return }
    last = turn
    for id in calls.compactMap({ $0["id"]?.string }) { byID[id] = turn }
  }

  /// The turn of the call that a result is for: the one that it names, or the last before it.
  func turn(of result: JSONValue, in turn: Int) -> Int? {
    result["tool_call_id"]?.string.flatMap { byID[$0] } ?? last
  }
}
