import InferText
import Testing

@testable import infer_serve

struct ItemPageTests {
  private let items: [JSONValue] = (0..<5).map { ["id": .string("i\($0)")] }

  @Test func pagesFollowOneAnother() throws {
    let first = try ItemPage(order: nil, limit: "2", after: nil).json(of: items)
    #expect(first["data"] == [["id": "i4"], ["id": "i3"]] && first["has_more"] == true)
    let last = try ItemPage(order: "asc", limit: "2", after: "i2").json(of: items)
    #expect(last["data"] == [["id": "i3"], ["id": "i4"]] && last["has_more"] == false && last["first_id"] == "i3")
    #expect(try ItemPage(order: nil, limit: nil, after: nil).json(of: [])["last_id"] == .null)
  }

  @Test func wrongParametersAreRefused() {
    #expect(refusal { () throws(APIError) in try ItemPage(order: "up", limit: nil, after: nil) }?.parameter == "order")
    #expect(refusal { () throws(APIError) in try ItemPage(order: nil, limit: "101", after: nil) }?.parameter == "limit")
    #expect(
      refusal { () throws(APIError) in try ItemPage(order: nil, limit: nil, after: "x").json(of: items) }?.parameter
        == "after")
  }
}
