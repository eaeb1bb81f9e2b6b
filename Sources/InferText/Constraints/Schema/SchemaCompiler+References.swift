// References: anchors, identifiers and JSON pointers (RFC 6901).
//
// A schema with an identifier is a resource of its own: references in it are relative to that, and so are pointers.
extension SchemaCompiler {
  /// A schema that an identifier names, and where it stands.
  struct Resource {
    let uri: URIReference
    let value: JSONValue
    let path: String
    /// The draft that the innermost `$schema` at it or around it names; `nil` where there is none.
    let draft: SchemaDraft?
  }

  /// Finds the resources in a schema, and the places that anchors name.
  mutating func collectResources() throws(SchemaError) {
    let draft = root["$schema"]?.string.flatMap(SchemaDraft.init)
    let base = URIReference("")
    resources[""] = Resource(uri: base, value: root, path: "", draft: draft)
    documents[""] = ""
    try collect(root, "", in: base, draft, depth: 0)
  }

  private mutating func collect(
    _ value: JSONValue, _ path: String, in base: URIReference, _ draft: SchemaDraft?, depth: Int
  ) throws(SchemaError) {
    guard depth < 200 else { throw SchemaError(path: path, reason: "nested too deep") }
    guard let members = value.object else {
      if value.bool != nil { return }
      throw SchemaError(path: path, reason: "a schema is an object or a boolean, not \(value.kind)")
    }
    var (base, draft) = (base, draft)
    let named = members["$schema"]?.string.flatMap(SchemaDraft.init)
    // Older drafts have nothing beside a reference.
    if let id = members["$id"]?.string, !((named ?? draft).isBefore2019 && members.contains(key: "$ref")) {
      let uri = URIReference(id)
      if !uri.document.isEmpty {
        base = uri.resolved(against: base)
        draft = named ?? draft
        resources[path] = Resource(uri: base, value: value, path: path, draft: draft)
        // Of two with one identifier the first counts.
        if path.isEmpty || documents[base.document] == nil { documents[base.document] = path }
      }
      // Before `$anchor`, the fragment of an identifier was one.
      if let fragment = uri.fragment, !fragment.isEmpty { name(String(fragment), value, path, in: base) }
    }
    for keyword in ["$anchor", "$dynamicAnchor"] {
      if let anchor = members[keyword]?.string { name(anchor, value, path, in: base) }
    }
    // Draft 4's word for an identifier. Many use it for what they like, so that references are not relative to it.
    if let id = members["id"]?.string {
      let uri = URIReference(id).resolved(against: base)
      if let fragment = uri.fragment, !fragment.isEmpty {
        name(String(fragment), value, path, in: base)
      } else if documents[uri.document] == nil {
        if resources[path] == nil {
          draft = named ?? draft
          resources[path] = Resource(uri: base, value: value, path: path, draft: draft)
        }
        documents[uri.document] = path
      }
    }
    for (keyword, member) in zip(members.keys, members.values) {
      let place = path + "/" + Self.escaped(keyword)
      if SchemaKeywords.ofSchemas.contains(keyword) {
        guard let elements = member.array else {
          try collect(member, place, in: base, draft, depth: depth + 1)
          continue
        }
        for (index, element) in elements.enumerated() {
          try collect(element, "\(place)/\(index)", in: base, draft, depth: depth + 1)
        }
      } else if SchemaKeywords.ofNamedSchemas.contains(keyword) {
        guard let named = member.object else {
          throw SchemaError(path: path, reason: "\(keyword) must be an object of schemas, not \(member.kind)")
        }
        for (name, schema) in zip(named.keys, named.values) {
          // Names, or draft 3's only one.
          if keyword.isExactly("dependencies"), schema.array != nil || schema.string != nil { continue }
          try collect(schema, place + "/" + Self.escaped(name), in: base, draft, depth: depth + 1)
        }
      }
    }
  }

  private mutating func name(_ anchor: String, _ value: JSONValue, _ path: String, in base: URIReference) {
    let uri = base.document + "#" + anchor
    if anchors[uri] == nil { anchors[uri] = number(of: value, path) }
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
    let uri = URIReference(reference).resolved(against: resource(around: path)?.uri ?? URIReference(""))
    guard let resource = documents[uri.document].flatMap({ resources[$0] }) else {
      throw SchemaError(path: path, reason: "$ref: \(reference) is in another document")
    }
    guard let fragment = uri.fragment, !fragment.isEmpty else { return number(of: resource.value, resource.path) }
    if let known = anchors[uri.document + "#" + fragment] { return known }
    let parts = String(fragment).parts(separatedBy: "/")
    guard parts[0].isEmpty else {
      throw SchemaError(path: path, reason: "$ref: \(reference) names nothing in this schema")
    }
    var (value, place) = (resource.value, resource.path)
    for part in parts.dropFirst() {
      let name = Self.unescaped(part)
      guard let member = value[name] ?? Self.index(name).flatMap({ value[$0] }) else {
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

  /// The place in an array that a part of a JSON pointer names: digits, and no zero before others.
  private static func index(_ part: String) -> Int? {
    let isDigits = part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return isDigits && (part.utf8.count == 1 || part.utf8.first != UInt8(ascii: "0")) ? Int(part) : nil
  }

  /// The draft that a schema at a place is written in; `nil` where none is named.
  func draft(at path: String) -> SchemaDraft? { resource(around: path)?.draft }

  /// The innermost resource around a place.
  private func resource(around path: String) -> Resource? {
    if resources.count == 1 { return resources[""] }
    var place = path.utf8[...]
    while true {
      if let resource = resources[String(decoding: place, as: UTF8.self)] { return resource }
      guard let slash = place.lastIndex(of: UInt8(ascii: "/")) else { return resources[""] }
      place = place[..<slash]
    }
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
    return text.replacing("~1", with: "/", limit: .max).replacing("~0", with: "~", limit: .max)
  }
}
