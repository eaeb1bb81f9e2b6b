import Foundation
import HTTPTypes
import Hummingbird
import InferText
import Logging
import NIOCore

/// `GET /usage`: the tokens that keys and models have used. A key without the scope `admin` is told of its own.
struct UsageEndpoint: Sendable {
  let service: GenerationService
  let prices: PriceTable

  func respond(_ request: Request, _ context: ServeContext) throws -> Response {
    guard let ledger = service.ledger else { throw APIError.usageOff }
    let query = request.uri.queryParameters
    let groupings = try Self.groupings(query["by"].map(String.init) ?? "key,model")
    let hours = UsageLedger.hours(from: try Self.time(request, "from"), to: try Self.time(request, "to"))
    let key = context.grant.key.flatMap { $0.scopes.contains(.admin) ? nil : $0.name }
    let rows: [UsageRow]
    do throws(CommandFailure) { rows = try ledger.rows(in: hours, of: key) } catch {
      service.logger.error("usage not read", metadata: ["error": "\(error.localizedDescription)"])
      throw APIError.unavailable("The usage cannot be read now.", code: "usage_unavailable", retryAfter: 1)
    }
    let report = UsageReport(rows, by: groupings, prices: prices)
    switch query["format"].map(String.init) ?? "json" {
    case "json": return .json(report.json)
    case "csv":
      return Response(
        status: .ok, headers: [.contentType: "text/csv; charset=utf-8"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: report.csv)))
    case let other:
      throw APIError.invalid("format", "format must be 'json' or 'csv', not '\(other)'.", code: "invalid_value")
    }
  }

  /// Groupings of a list with commas.
  static func groupings(_ text: String) throws(APIError) -> [UsageReport.Grouping] {
    var groupings: [UsageReport.Grouping] = []
    for name in text.split(separator: ",") {
      guard let grouping = UsageReport.Grouping(rawValue: String(name)) else {
        let known = FieldReader.alternatives(UsageReport.Grouping.allCases.map(\.rawValue))
        throw .invalid("by", "by must have \(known), not '\(name)'.", code: "invalid_value")
      }
      if !groupings.contains(grouping) { groupings.append(grouping) }
    }
    return groupings
  }

  /// A moment that the query names.
  private static func time(_ request: Request, _ name: String) throws(APIError) -> Date? {
    guard let text = request.uri.queryParameters[name[...]] else { return nil }
    // A plus stands for a space in a query.
    guard let date = Timestamp.date(String(text).replacing(" ", with: "+")) else {
      throw .invalid(name, "\(name) must be a time like 2027-01-31T00:00:00Z, not '\(text)'.", code: "invalid_value")
    }
    return date
  }
}

extension APIError {
  /// Nobody counts.
  fileprivate static let usageOff = APIError.invalid(
    nil, "The server keeps no usage; --usage-db names the file to keep it in.", code: "usage_off")
}
