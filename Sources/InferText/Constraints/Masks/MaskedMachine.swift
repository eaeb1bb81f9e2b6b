import Foundation

/// An automaton whose states have masks over a vocabulary.
protocol TokenAutomaton: Sendable {
  var start: Int32 { get }
  /// `true` once there are more states than there may be.
  var isFull: Bool { get }
  func mayEnd(in state: Int32) -> Bool
  /// Takes bytes; `false`, and no change, when they may not follow.
  func advance(_ place: inout TextPlace, _ bytes: [UInt8]) -> Bool
  /// The tokens that may follow.
  func mask(at place: TextPlace) -> TokenMask
}

/// The place of a text in an automaton.
struct TextPlace: Sendable {
  var state: Int32
  /// The number of bytes of white space before it that are no part of a value.
  var spaces = 0

  /// Behind so much of it no token may begin with more.
  static let maxSpaces = 100
}

/// A machine with the masks of its states. States and masks are found when they are first asked for, one at a time.
final class MaskedMachine<Machine: ByteMachine>: TokenAutomaton, @unchecked Sendable {
  let start: Int32
  private let vocabulary: MaskVocabulary
  private let lock = NSLock()
  private var machine: Machine
  private var masks: [Int32: TokenMask] = [:]

  init(_ machine: Machine, _ vocabulary: MaskVocabulary) {
    self.machine = machine
    self.vocabulary = vocabulary
    start = machine.start
  }

  var isFull: Bool { lock.withLock { machine.isFull } }

  func mayEnd(in state: Int32) -> Bool { lock.withLock { machine.isAccepting(state) } }

  func advance(_ place: inout TextPlace, _ bytes: [UInt8]) -> Bool {
    lock.withLock {
      var next = place
      for (index, byte) in bytes.enumerated() {
        next.state = machine.next(next.state, byte)
        if next.state == 0 { return false }
        guard TokenTrie.isWhiteSpace(byte), machine.isBetweenParts(next.state) else {
          next.spaces = 0
          continue
        }
        if index == 0, next.spaces >= TextPlace.maxSpaces { return false }
        next.spaces += 1
      }
      place = next
      return true
    }
  }

  func mask(at place: TextPlace) -> TokenMask {
    var mask = lock.withLock {
      if let known = masks[place.state] { return known }
      let mask = machine.mask(of: place.state, over: vocabulary)
      masks[place.state] = mask
      return mask
    }
    if place.spaces >= TextPlace.maxSpaces { mask.subtract(vocabulary.spaced) }
    return mask
  }
}
