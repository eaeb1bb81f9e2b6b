/// A reference to a resource (RFC 3986), in the parts of its section 3.
struct URIReference {
  private var scheme: Substring?
  private var authority: Substring?
  private var path: Substring
  private var query: Substring?
  /// The part behind `#`, with its escapes.
  private(set) var fragment: Substring?

  init(_ text: String) {
    var rest = text[...]
    if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "#")) {
      (rest, fragment) = (rest[..<mark], rest[rest.utf8.index(after: mark)...])
    }
    if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
      (rest, query) = (rest[..<mark], rest[rest.utf8.index(after: mark)...])
    }
    let end = rest.utf8.firstIndex { ":/".utf8.contains($0) }
    if let end, rest.utf8[end] == UInt8(ascii: ":"), end > rest.startIndex {
      (scheme, rest) = (rest[..<end], rest[rest.utf8.index(after: end)...])
    }
    if rest.utf8.starts(with: "//".utf8) {
      let start = rest.utf8.index(rest.startIndex, offsetBy: 2)
      let end = rest.utf8[start...].firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
      (authority, rest) = (rest[start..<end], rest[end...])
    }
    path = rest
  }

  /// The resource that is referred to from another one (5.2.2).
  func resolved(against base: URIReference) -> URIReference {
    var target = self
    if scheme == nil {
      target.scheme = base.scheme
      if authority == nil {
        target.authority = base.authority
        if path.isEmpty {
          target.path = base.path
          target.query = query ?? base.query
        } else if !path.utf8.starts(with: "/".utf8) {
          target.path = base.merged(with: path)
        }
      }
    }
    target.path = Self.withoutDots(target.path)
    return target
  }

  /// A path that stands beside this one's last part (5.2.3).
  private func merged(with path: Substring) -> Substring {
    if authority != nil, self.path.isEmpty { return "/" + path }
    guard let slash = self.path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
    return self.path[...slash] + path
  }

  /// A path without the parts `.` and `..` (5.2.4).
  private static func withoutDots(_ path: Substring) -> Substring {
    let parts = String(path).parts(separatedBy: "/")
    var kept: [String] = []
    for (index, part) in parts.enumerated() {
      let isParent = part.isExactly("..")
      guard isParent || part.isExactly(".") else {
        kept.append(part)
        continue
      }
      // The first part of an absolute path is the empty one before its slash.
      if isParent, kept.count > 1 || kept.first.map({ !$0.isEmpty }) ?? false { kept.removeLast() }
      if index == parts.count - 1 { kept.append("") }
    }
    return kept.joined(separator: "/")[...]
  }

  /// The resource without the part of it that the fragment names.
  var document: String {
    var text = scheme.map { $0 + ":" } ?? ""
    if let authority { text += "//" + authority }
    text += path
    if let query { text += "?" + query }
    return String(text)
  }
}
