/// Transitions over bytes between states that are numbers; 0 is that from which nothing can be completed.
protocol ByteTransitions: SendableMetatype {
  /// The state behind a byte; 0 when it may not follow.
  mutating func next(_ state: Int32, _ byte: UInt8) -> Int32
}

/// An automaton over bytes.
protocol ByteMachine: ByteTransitions {
  var start: Int32 { get }

  /// `true` when the text may end.
  mutating func isAccepting(_ state: Int32) -> Bool

  /// `true` where there may be any amount of white space, which should have an end nevertheless.
  func isBetweenParts(_ state: Int32) -> Bool

  /// The tokens of a vocabulary that may follow.
  mutating func mask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask

  /// In a JSON string, the tokens that may follow and stay in it; `nil` elsewhere.
  mutating func innerMask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask?

  /// `true` once there are more states than there may be, or a question took more work: the text cannot go on.
  var isFull: Bool { get }

  /// Begins another question, which has work of its own: see ``WorkMeter``.
  mutating func renewWork()

  /// `true` once there are half as many states as there may be, and where it is full: a new machine is the better start for a
  /// text.
  var isHalfFull: Bool { get }
}

extension ByteMachine {
  mutating func mask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask {
    walkedMask(of: state, over: vocabulary)
  }

  func innerMask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask? { nil }

  /// The tokens that may follow, found by looking at all.
  mutating func walkedMask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask {
    var mask = TokenMask(size: vocabulary.size)
    walk(vocabulary.all, from: state) { id, _ in mask.insert(id) }
    return mask
  }

  /// The tails of tokens that may follow behind the end of a string, found by looking at all.
  mutating func walkedTails(behind state: Int32, over vocabulary: MaskVocabulary) -> TokenMask {
    var mask = TokenMask(size: vocabulary.closing.tailCount)
    mask.insert(0)
    walk(vocabulary.closing.tails, from: state) { tail, _ in mask.insert(tail) }
    return mask
  }

  /// Adds the tokens with which the JSON string of a state ends.
  ///
  /// - Parameter tailMask: The tails of such tokens that may follow in a state.
  mutating func insertClosing(
    from state: Int32, _ vocabulary: MaskVocabulary, into mask: inout TokenMask,
    _ tailMask: (inout Self, Int32) -> TokenMask
  ) {
    var heads: [(group: Int32, state: Int32)] = [(0, state)]
    walk(vocabulary.closing.heads, from: state) { heads.append(($0, $1)) }
    for head in heads {
      let behind = next(head.state, UInt8(ascii: "\""))
      guard behind != 0 else { continue }
      let tails = tailMask(&self, behind)
      for token in vocabulary.closing.groups[Int(head.group)] where tails.contains(token.tail) { mask.insert(token.id) }
    }
  }
}

extension ByteTransitions {
  /// Calls `body` with the tokens of a trie that may follow, and the state behind each.
  mutating func walk(_ trie: TokenTrie, from state: Int32, _ body: (Int32, Int32) -> Void) {
    var states = [Int32](repeating: state, count: trie.maxDepth + 1)
    // A mask is hundreds of thousands of these steps.
    unsafe states.withUnsafeMutableBufferPointer { path in
      unsafe trie.nodes.withUnsafeBufferPointer { nodes in
        var index = 0
        while index < nodes.count {
          let node = unsafe nodes[index]
          let state = unsafe next(path[Int(node.depth) - 1], node.byte)
          if state == 0 {
            index = Int(node.end)
            continue
          }
          unsafe path[Int(node.depth)] = state
          for place in Int(node.firstID)..<Int(node.firstID + node.idCount) { body(trie.ids[place], state) }
          index += 1
        }
      }
    }
  }
}

/// An automaton of a language alone.
struct LanguageMachine: ByteMachine {
  private(set) var automaton: ByteAutomaton
  let start: Int32

  init(_ automaton: ByteAutomaton, start: Expression) {
    self.automaton = automaton
    self.start = Int32(start.number)
  }

  mutating func next(_ state: Int32, _ byte: UInt8) -> Int32 { automaton.next(state, byte) }

  func isAccepting(_ state: Int32) -> Bool { automaton.isAccepting(Expression(number: state)) }
  func isBetweenParts(_ state: Int32) -> Bool { false }
  var isFull: Bool { automaton.pool.isFull }
  mutating func renewWork() { automaton.pool.work.renew() }
  var isHalfFull: Bool { automaton.pool.isHalfFull }
}
