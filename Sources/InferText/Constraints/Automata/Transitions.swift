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
  /// The row of each state; `unknown` for a state that has none.
  private var rowNumbers: [Int32] = []
  /// Rows of 256 transitions each, some to a block, so that growing moves none of them.
  private var blocks: [[Int32]] = []
  private var rowCount = 0
  private static let blockBits = 6

  mutating func addState() {
    few.append(Few())
    rowNumbers.append(Self.unknown)
  }

  /// The state behind a byte; `nil` where it is not known.
  subscript(state: Int32, byte: UInt8) -> Int32? {
    get {
      let row = rowNumbers[Int(state)]
      if row >= 0 {
        let next = blocks[Int(row) >> Self.blockBits][Self.place(byte, in: row)]
        return next == Self.unknown ? nil : next
      }
      let few = few[Int(state)]
      if few.count > 0, few.bytes.0 == byte { return few.states.0 }
      return few.count > 1 && few.bytes.1 == byte ? few.states.1 : nil
    }
    set {
      guard let newValue else { return }
      if rowNumbers[Int(state)] < 0 {
        switch few[Int(state)].count {
        case 0: (few[Int(state)].bytes.0, few[Int(state)].states.0) = (byte, newValue)
        case 1: (few[Int(state)].bytes.1, few[Int(state)].states.1) = (byte, newValue)
        default: makeRow(of: Int(state))
        }
        few[Int(state)].count += 1
      }
      let row = rowNumbers[Int(state)]
      if row >= 0 { set(row, byte, newValue) }
    }
  }

  private static func place(_ byte: UInt8, in row: Int32) -> Int {
    (Int(row) & (1 << blockBits - 1)) << 8 + Int(byte)
  }

  private mutating func set(_ row: Int32, _ byte: UInt8, _ state: Int32) {
    blocks[Int(row) >> Self.blockBits][Self.place(byte, in: row)] = state
  }

  private mutating func makeRow(of state: Int) {
    if rowCount & (1 << Self.blockBits - 1) == 0 {
      blocks.append(Array(repeating: Self.unknown, count: 256 << Self.blockBits))
    }
    let row = Int32(rowCount)
    rowCount += 1
    rowNumbers[state] = row
    set(row, few[state].bytes.0, few[state].states.0)
    set(row, few[state].bytes.1, few[state].states.1)
  }
}
