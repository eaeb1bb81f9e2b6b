/// A text that is edited, and the place in it.
struct EditBuffer: Equatable {
  /// The text before the cursor.
  private(set) var before = ""
  /// The characters behind the cursor, the last first.
  private var rest: [Character] = []
  /// The text that was deleted last, by words or to an end.
  private var deleted = ""

  /// The text behind the cursor.
  var after: String { String(rest.reversed()) }
  /// The text.
  var text: String { before + after }
  var isEmpty: Bool { before.isEmpty && rest.isEmpty }

  /// Replaces the text; the cursor is at its end.
  mutating func set(_ text: String) { (before, rest) = (text, []) }

  mutating func insert(_ text: String) { before += text }

  /// The keys that move and delete; `false` for another.
  mutating func take(_ key: Key) -> Bool {
    switch key {
    case .characters(let text), .paste(let text): insert(text)
    case .newline: insert("\n")
    case .left: moveLeft()
    case .right: moveRight()
    case .home: while let last = before.last, !last.isNewline { moveLeft() }
    case .end: while let first = rest.last, !first.isNewline { moveRight() }
    case .wordLeft: moveLeftByWord()
    case .wordRight: moveRightByWord()
    case .backspace: _ = before.popLast()
    case .delete: _ = rest.popLast()
    case .deleteWordLeft: deleteLeft { $0.moveLeftByWord() }
    case .deleteWordRight: deleteRight { $0.moveRightByWord() }
    case .deleteToStart: deleteLeft { _ = $0.take(.home) }
    case .deleteToEnd: deleteRight { _ = $0.take(.end) }
    case .yank: insert(deleted)
    default: return false
    }
    return true
  }

  /// Moves to the line above, to the same column where it has so many; `false` where there is none.
  mutating func moveUp() -> Bool {
    guard let start = before.lastIndex(where: \.isNewline) else { return false }
    let column = before.distance(from: start, to: before.endIndex) - 1
    _ = take(.home)
    moveLeft()
    _ = take(.home)
    moveRight(by: column)
    return true
  }

  /// Moves to the line below; `false` where there is none.
  mutating func moveDown() -> Bool {
    guard rest.contains(where: \.isNewline) else { return false }
    let column = before.reversed().prefix { !$0.isNewline }.count
    _ = take(.end)
    moveRight()
    moveRight(by: column)
    return true
  }

  private mutating func moveLeft() { if let last = before.popLast() { rest.append(last) } }
  private mutating func moveRight() { if let first = rest.popLast() { before.append(first) } }

  private mutating func moveRight(by columns: Int) {
    for _ in 0..<columns {
      guard let first = rest.last, !first.isNewline else { return }
      moveRight()
    }
  }

  /// To the start of the word.
  private mutating func moveLeftByWord() {
    while let last = before.last, !last.isWordPart { moveLeft() }
    while let last = before.last, last.isWordPart { moveLeft() }
  }

  /// Behind the end of the word.
  private mutating func moveRightByWord() {
    while let first = rest.last, !first.isWordPart { moveRight() }
    while let first = rest.last, first.isWordPart { moveRight() }
  }

  private mutating func deleteLeft(_ move: (inout EditBuffer) -> Void) {
    let (old, kept) = (before, rest)
    move(&self)
    rest = kept
    if before.count < old.count { deleted = String(old.dropFirst(before.count)) }
  }

  private mutating func deleteRight(_ move: (inout EditBuffer) -> Void) {
    let (old, kept) = (rest, before)
    move(&self)
    before = kept
    if rest.count < old.count { deleted = String(old[rest.count...].reversed()) }
  }
}

extension Character {
  /// Letters, digits and signs that are neither spaces nor punctuation: words of names and paths end there.
  fileprivate var isWordPart: Bool { isLetter || isNumber || self == "_" }
}
