import OrderedCollections

/// Attributes and elements. `object.name` looks for a method first and for a key then, `object["name"]` the other way
/// round.
extension JinjaEvaluator {
  /// The name may be any text that a template has made, and looking it up goes through all of it.
  func attribute(_ name: String, of object: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    try spend(bytes: name.utf8.count)
    switch object {
    case .undefined(let reason): throw .reason(reason)
    case .namespace(let index): if let value = namespaces[index][name] { return value }
    case .macro(let index): if let value = attribute(name, ofMacro: index) { return value }
    case .loop(let loop): if let value = loop.attribute(name) { return value }
    default:
      if let method = JinjaMethods.find(name, of: object) { return method }
      if case .dictionary(let members) = object, let value = members[.plain(name)] { return value }
    }
    return .undefined("'\(object.objectDescription)' has no attribute '\(name.prefix(100))'")
  }

  func element(_ key: JinjaValue, of object: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    try spend(on: key)
    switch object {
    case .undefined(let reason): throw .reason(reason)
    case .dictionary(let members):
      if key.isHashable, let value = members[key] { return value }
    case .list, .tuple, .view(.range, _):
      let elements = try object.elements()
      if let index = key.asInteger, let position = Self.position(index, count: elements.count) {
        return elements[position]
      }
    case .string(let text), .markup(let text):
      if let index = key.asInteger {
        try spend(bytes: text.count)
        if let position = Self.position(index, count: text.text.unicodeScalars.count) {
          return try slice(object, start: position, stop: position + 1, step: nil)
        }
      }
    default: break
    }
    if let name = key.asString { return try attribute(name, of: object) }
    return .undefined("\(object.objectDescription) has no element \(key.representation.prefix(100))")
  }

  private static func position(_ index: Int, count: Int) -> Int? {
    let position = index < 0 ? index + count : index
    return (0..<count).contains(position) ? position : nil
  }
}

extension JinjaValue {
  fileprivate var objectDescription: String {
    if case .none = self { return "None" }
    return "\(typeName) object"
  }
}

extension JinjaLoop {
  fileprivate func attribute(_ name: String) -> JinjaValue? {
    switch name {
    case "index": .integer(index + 1)
    case "index0": .integer(index)
    case "revindex": .integer(items.count - index)
    case "revindex0": .integer(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .integer(items.count)
    case "depth": .integer(depth + 1)
    case "depth0": .integer(depth)
    case "previtem": index > 0 ? items[index - 1] : .undefined("there is no previous item")
    case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined("there is no next item")
    case "cycle", "changed": .method(of: .loop(self), name)
    default: nil
    }
  }
}
