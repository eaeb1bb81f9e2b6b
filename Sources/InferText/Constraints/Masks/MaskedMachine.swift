import Foundation

/// An automaton whose states have masks over a vocabulary.
protocol TokenAutomaton: Sendable {
  var start: Int32 { get }
  /// `true` once there are more states than there may be.
  var isFull: Bool { get }
  /// `true` once there are half as many.
  var isHalfFull: Bool { get }
  func mayEnd(in state: Int32) -> Bool
  /// Takes bytes; `false`, and no change, when they may not follow.
  func advance(_ place: inout TextPlace, _ bytes: [UInt8]) -> Bool
  /// The tokens that may follow.
  func mask(at place: TextPlace) -> TokenMask
  /// The text that must follow.
  func forcedText(at place: TextPlace) -> ForcedText
}

/// The white space that there may be where a language has no limit, in bytes: behind so much of it no token may begin with
/// more.
public struct WhiteSpaceLimits: Sendable {
  /// Between two parts of a text.
  public let betweenParts: Int
  /// Behind the last part.
  public let atEnd: Int
  /// `true` when no token may begin with more behind a leading space or a second line break.
  public let isSparing: Bool

  /// As much as texts by hand and by other programs have.
  public static let written = WhiteSpaceLimits(betweenParts: 100, atEnd: 100, isSparing: false)
  /// Enough for lines and their indentation, so that a model does not go on with it for ever, and none at the end.
  public static let generated = WhiteSpaceLimits(betweenParts: 20, atEnd: 0, isSparing: true)

  /// The length that white space between two parts counts for with one more byte: that of the limit where it is the last.
  fileprivate func count(behind count: Int, _ byte: UInt8) -> Int {
    let isBreak = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    return isSparing && isBreak == (count > 0) ? max(count, betweenParts) : count + 1
  }
}

/// The place of a text in an automaton.
struct TextPlace: Sendable {
  var state: Int32
  /// The number of bytes of white space before it that are no part of a value.
  var spaces = 0
  let limits: WhiteSpaceLimits
}

/// A machine with the masks of its states. States and masks are found when they are first asked for, one at a time.
final class MaskedMachine<Machine: ByteMachine>: TokenAutomaton, @unchecked Sendable {
  let start: Int32
  private let vocabulary: MaskVocabulary
  private let lock = NSLock()
  private var machine: Machine
  private var masks: [Int32: TokenMask] = [:]
  private var forced: [Int32: ForcedText] = [:]

  init(_ machine: Machine, _ vocabulary: MaskVocabulary) {
    self.machine = machine
    self.vocabulary = vocabulary
    start = machine.start
  }

  var isFull: Bool { lock.withLock { machine.isFull } }
  var isHalfFull: Bool { lock.withLock { machine.isHalfFull } }

  func mayEnd(in state: Int32) -> Bool { lock.withLock { machine.isAccepting(state) } }

  func advance(_ place: inout TextPlace, _ bytes: [UInt8]) -> Bool {
    lock.withLock {
      machine.renewWork()
      var next = place
      for (index, byte) in bytes.enumerated() {
        let state = next.state
        next.state = machine.next(next.state, byte)
        if next.state == 0 { return false }
        guard byte.isJSONSpace, machine.isBetweenParts(next.state) else {
          next.spaces = 0
          continue
        }
        if index == 0, next.spaces >= limit(behind: state, place.limits) { return false }
        next.spaces = place.limits.count(behind: next.spaces, byte)
      }
      place = next
      return true
    }
  }

  func mask(at place: TextPlace) -> TokenMask {
    lock.withLock {
      machine.renewWork()
      var mask = storedMask(of: place.state)
      if machine.isBetweenParts(place.state), place.spaces >= limit(behind: place.state, place.limits) {
        mask.subtract(vocabulary.spaced)
      }
      return mask
    }
  }

  func forcedText(at place: TextPlace) -> ForcedText {
    lock.withLock {
      if let known = forced[place.state] { return known }
      machine.renewWork()
      let text = machine.forcedText(behind: place.state)
      forced[place.state] = text
      return text
    }
  }

  private func storedMask(of state: Int32) -> TokenMask {
    if let known = masks[state] { return known }
    let mask = machine.mask(of: state, over: vocabulary)
    masks[state] = mask
    return mask
  }

  private func limit(behind state: Int32, _ limits: WhiteSpaceLimits) -> Int {
    machine.isBetweenParts(state) && machine.isAccepting(state) ? limits.atEnd : limits.betweenParts
  }
}
