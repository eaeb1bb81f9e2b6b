/// Tokens with which a JSON string ends, taken apart at its closing quotation mark: what stands before it depends on the
/// string, and what stands behind it does not.
struct ClosingTokens: Sendable {
  struct Split {
    let id: Int32
    let bytes: [UInt8]
    /// The index of the quotation mark.
    let mark: Int
  }

  struct Token: Sendable {
    let id: Int32
    /// The number of its tail.
    let tail: Int32
  }

  /// The texts before the mark, but for the empty one; ids are indices of ``groups``.
  let heads: TokenTrie
  /// The texts behind it, but for the empty one; ids are numbers of tails.
  let tails: TokenTrie
  /// Tokens in which a neighbour of the string may end as well, which may be equal to it.
  let pairs: TokenTrie
  /// Tokens by head; those without one are the first.
  let groups: [[Token]]
  /// The number of tails; that of the empty one is 0.
  let tailCount: Int

  init(_ splits: [Split]) {
    var (headNumbers, tailNumbers) = ([[UInt8](): Int32(0)], [[UInt8](): Int32(0)])
    var groups: [[Token]] = [[]]
    func number(_ bytes: [UInt8], _ numbers: inout [[UInt8]: Int32]) -> Int32 {
      if let known = numbers[bytes] { return known }
      let next = Int32(numbers.count)
      numbers[bytes] = next
      return next
    }
    for split in splits {
      let head = number(Array(split.bytes[..<split.mark]), &headNumbers)
      let tail = number(Array(split.bytes[(split.mark + 1)...]), &tailNumbers)
      if head == groups.count { groups.append([]) }
      groups[Int(head)].append(Token(id: split.id, tail: tail))
    }
    self.groups = groups
    tailCount = tailNumbers.count
    heads = TokenTrie(headNumbers.map { ($0.value, $0.key) })
    // Behind the comma, a quotation mark at each end.
    let isPair = { (split: Split) in
      split.bytes[split.mark...].drop { $0 != UInt8(ascii: ",") }.count { $0 == UInt8(ascii: "\"") } > 1
    }
    pairs = TokenTrie(splits.filter(isPair).map { ($0.id, $0.bytes) })
    tails = TokenTrie(tailNumbers.map { ($0.value, $0.key) })
  }
}
