import InferCore
import InferText

/// A part of a list of items, as OpenAI's API tells lists.
struct ItemPage {
  private var isAscending = false
  private var limit = 20
  private var after: String?

  /// Decodes a query's parameters.
  init(order: String?, limit: String?, after: String?) throws(APIError) {
    switch order {
    case nil, "desc": break
    case "asc": isAscending = true
    case let other?: throw .invalid("order", "order must be 'asc' or 'desc', not '\(other)'.", code: "invalid_value")
    }
    if let limit {
      guard let number = Int(limit), (1...100).contains(number) else {
        throw .invalid("limit", "limit must be between 1 and 100, not '\(limit)'.", code: "invalid_value")
      }
      self.limit = number
    }
    self.after = after
  }

  /// The list's object of all items, which are in the order in which they were made.
  func json(of all: [JSONValue]) throws(APIError) -> JSONValue {
    var items = isAscending ? all : all.reversed()
    if let after {
      guard let index = items.firstIndex(where: { $0["id"]?.string?.isExactly(after) ?? false }) else {
        throw .invalid("after", "after is '\(after)', which no item has as its id.", code: "invalid_value")
      }
      items.removeFirst(index + 1)
    }
    let page = Array(items.prefix(limit))
    return [
      "object": "list", "data": .array(page), "first_id": page.first?["id"] ?? .null,
      "last_id": page.last?["id"] ?? .null, "has_more": .bool(items.count > limit),
    ]
  }
}
