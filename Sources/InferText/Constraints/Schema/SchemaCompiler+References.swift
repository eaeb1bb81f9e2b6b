// References: anchors, identifiers and JSON pointers (RFC 6901).
extension SchemaCompiler {
  mutating func collectAnchors(_ value: JSONValue, _ path: String, depth: Int) throws(SchemaError) {
    guard depth < 200 else { throw SchemaError(path: path, reason: "nested too deep") }
    if let members = value.object {
      for keyword in ["$anchor", "$dynamicAnchor"] {
        if let name = members[keyword]?.string { anchors["#" + name] = number(of: value, path) }
      }
      for keyword in ["$id", "id"] {
        guard let id = members[keyword]?.string else { continue }
        anchors[id] = number(of: value, path)
        if id.utf8.last == UInt8(ascii: "#") { anchors[String(id.dropLast())] = number(of: value, path) }
      }
      for (name, member) in zip(members.keys, members.values) where name != "enum" && name != "const" {
        try collectAnchors(member, path + "/" + Self.escaped(name), depth: depth + 1)
      }
    } else if let elements = value.array {
      for (index, element) in elements.enumerated() {
        try collectAnchors(element, "\(path)/\(index)", depth: depth + 1)
      }
    }
  }

  static func escaped(_ name: String) -> String {
    var text: [UInt8] = []
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "~"): text += Array("~0".utf8)
      case UInt8(ascii: "/"): text += Array("~1".utf8)
      default: text.append(byte)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The schema that a reference names.
  mutating func target(of reference: String, _ path: String) throws(SchemaError) -> Int {
    if let known = anchors[reference] { return known }
    if reference == "#" { return main }
    var pointer = reference
    if let hash = reference.utf8.firstIndex(of: UInt8(ascii: "#")), hash != reference.startIndex {
      let document = String(reference[..<hash])
      let isMain = root["$id"]?.string?.isExactly(document) ?? false || root["id"]?.string?.isExactly(document) ?? false
      guard isMain else { throw SchemaError(path: path, reason: "$ref: \(reference) is in another document") }
      pointer = String(reference[hash...])
      if let known = anchors[pointer] { return known }
      if pointer == "#" { return main }
    }
    guard pointer.hasPrefix("#/") else {
      throw SchemaError(path: path, reason: "$ref: \(reference) names nothing in this schema")
    }
    var value = root
    var place = ""
    for part in pointer.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false) {
      let name = Self.unescaped(String(part))
      guard let member = value[name] ?? Int(name).flatMap({ value[$0] }) else {
        throw SchemaError(path: path, reason: "$ref: \(reference) names nothing in this schema")
      }
      value = member
      place += "/" + Self.escaped(name)
    }
    guard value.object != nil || value.bool != nil else {
      throw SchemaError(path: path, reason: "$ref: \(reference) is \(value.kind), not a schema")
    }
    return number(of: value, place)
  }

  /// A part of a JSON pointer in a URI's fragment.
  static func unescaped(_ part: String) -> String {
    var (bytes, rest) = ([UInt8](), Array(part.utf8)[...])
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return text.replacing("~1", with: "/").replacing("~0", with: "~")
  }
}
