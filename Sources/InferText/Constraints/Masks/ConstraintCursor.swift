/// Follows a text token by token under a constraint, and tells which tokens may come next.
public struct ConstraintCursor: Sendable {
  private let automaton: any TokenAutomaton
  private var place: TextPlace

  init(_ automaton: any TokenAutomaton, _ limits: WhiteSpaceLimits) {
    self.automaton = automaton
    place = TextPlace(state: automaton.start, limits: limits)
  }

  /// `true` when the text may end here.
  public var mayEnd: Bool { automaton.mayEnd(in: place.state) }

  /// `true` when the constraint became too large to be followed: nothing may follow then.
  public var isFull: Bool { automaton.isFull }

  /// Takes bytes; `false`, and no change, when they may not follow.
  public mutating func accept(_ bytes: some Sequence<UInt8>) -> Bool {
    automaton.advance(&place, Array(bytes))
  }

  /// Lets nothing follow any more.
  mutating func stop() { place.state = 0 }

  /// The text that must follow, since no other can.
  func forcedText() -> ForcedText { automaton.forcedText(at: place) }

  /// The tokens that may come next.
  public func mask() -> TokenMask { automaton.mask(at: place) }
}
