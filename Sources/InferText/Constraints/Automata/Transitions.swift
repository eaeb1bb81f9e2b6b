/// The transitions between states that were found, a few by themselves and more in rows, since most states are passed on one
/// way only.
struct Transitions {
  private struct Few {
    var count: UInt8 = 0
    var bytes: (UInt8, UInt8) = (0, 0)
    var states: (Int32, Int32) = (0, 0)
  }

  private static let unknown: Int32 = -1

  private var few: [Few] = []
  /// The first of 256 transitions of each state; `unknown` for a state that has none in rows.
  private var rowStarts: [Int32] = []
  private var rows: [Int32] = []

  mutating func addState() {
    few.append(Few())
    rowStarts.append(Self.unknown)
  }

  /// The state behind a byte; `nil` where it is not known.
  subscript(state: Int32, byte: UInt8) -> Int32? {
    get {
      let start = rowStarts[Int(state)]
      if start >= 0 {
        let next = rows[Int(start) + Int(byte)]
        return next == Self.unknown ? nil : next
      }
      let few = few[Int(state)]
      if few.count > 0, few.bytes.0 == byte { return few.states.0 }
      return few.count > 1 && few.bytes.1 == byte ? few.states.1 : nil
    }
    set {
      guard let newValue else { return }
      if rowStarts[Int(state)] < 0 {
        switch few[Int(state)].count {
        case 0: (few[Int(state)].bytes.0, few[Int(state)].states.0) = (byte, newValue)
        case 1: (few[Int(state)].bytes.1, few[Int(state)].states.1) = (byte, newValue)
        default: makeRow(of: Int(state))
        }
        few[Int(state)].count += 1
      }
      let start = rowStarts[Int(state)]
      if start >= 0 { rows[Int(start) + Int(byte)] = newValue }
    }
  }

  private mutating func makeRow(of state: Int) {
    let start = rows.count
    rows.append(contentsOf: repeatElement(Self.unknown, count: 256))
    rowStarts[state] = Int32(start)
    rows[start + Int(few[state].bytes.0)] = few[state].states.0
    rows[start + Int(few[state].bytes.1)] = few[state].states.1
  }
}
