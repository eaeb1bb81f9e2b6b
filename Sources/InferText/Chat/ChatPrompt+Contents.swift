/// Where the contents of messages stand in a prompt.
extension ChatPrompt {
  /// The prompt up to the end of its last message's content, for answers that go on with it.
  ///
  /// White space at the content's end is left out where the template leaves it out.
  ///
  /// - Parameter content: The content of the last message.
  /// - Returns: `nil` for a content of white space, and where the template does not write the content as it is.
  /// - Complexity: O(n) in the prompt's length.
  package func ending(withContent content: String) -> ChatPrompt? {
    let stripped = Array(content.utf8).strippingSpace
    guard !stripped.isEmpty else { return nil }
    let bytes = Array(text.utf8)
    // Backwards, so that the last place is found.
    guard let place = SubstringSearch(stripped.reversed()).positions(in: bytes.reversed(), limit: 1).first else {
      return nil
    }
    var end = bytes.count - place
    let space = content.utf8.reversed().prefix(while: \.isPlainSpace).reversed()
    if bytes[end...].starts(with: space) { end += space.count }
    return prefix(bytes: end)
  }

  /// The offsets of the bytes behind contents of messages, ascending; those that the template does not write as they are
  /// are left out.
  ///
  /// - Parameters:
  ///   - contents: The contents of all messages.
  ///   - indices: The messages that are looked for, ascending.
  /// - Complexity: O(n) in the length of the prompt and the contents, for each index.
  package func ends(ofContents contents: [String], at indices: some Collection<Int>) -> [Int] {
    guard !indices.isEmpty else { return [] }
    let bytes = Array(text.utf8)
    var ends: [Int] = []
    // No content stands before those of earlier messages, however often it comes.
    var start = 0
    var next = 0
    for index in indices where contents.indices.contains(index) {
      while next < index {
        start += Array(contents[next].utf8).strippingSpace.count
        next += 1
      }
      let content = Array(contents[index].utf8).strippingSpace
      guard !content.isEmpty, start < bytes.count else { continue }
      guard let place = SubstringSearch(content).positions(in: bytes[start...], limit: 1).first else { continue }
      ends.append(start + place + content.count)
    }
    return ends
  }
}

extension Array where Element == UInt8 {
  /// The bytes without white space of ASCII at both ends.
  fileprivate var strippingSpace: ArraySlice<UInt8> {
    let start = drop(while: \.isPlainSpace)
    return start.dropLast(start.reversed().prefix(while: \.isPlainSpace).count)
  }
}

extension UInt8 {
  fileprivate var isPlainSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
