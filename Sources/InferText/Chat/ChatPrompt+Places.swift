extension ChatPrompt {
  /// A text with places for others, such as `{query}`, that come from outside.
  ///
  /// - Parameters:
  ///   - template: The text, in which names of special tokens are those tokens.
  ///   - texts: The texts by the names of their places. What looks like a place in one of them is none.
  /// - Complexity: O(n · p) in the template's length and the number of names, for each of its places.
  package init(template: String, filling texts: [(name: String, text: String)]) {
    var content: JinjaString = ""
    var rest = template[...]
    func first(_ name: String, _ text: String) -> (place: Range<String.Index>, text: String)? {
      rest.utf8.firstRange(of: "{\(name)}".utf8).map { ($0, text) }
    }
    while let next = texts.compactMap({ first($0.name, $0.text) }).min(by: { $0.place.lowerBound < $1.place.lowerBound }
    ) {
      content.append(JinjaString(String(rest[..<next.place.lowerBound]), isFromOutside: false))
      content.append(JinjaString(next.text, isFromOutside: true))
      rest = rest[next.place.upperBound...]
    }
    content.append(JinjaString(String(rest), isFromOutside: false))
    self.init(content)
  }
}
