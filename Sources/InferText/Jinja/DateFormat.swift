import Foundation

/// `strftime`, in English and in one time zone.
struct DateFormat {
  private let parts: DateComponents
  private let offset: Int
  private let timeZone: TimeZone
  private let date: Date

  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]

  init(_ date: Date, in timeZone: TimeZone) {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = timeZone
    parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday, .dayOfYear], from: date)
    offset = timeZone.secondsFromGMT(for: date)
    self.timeZone = timeZone
    self.date = date
  }

  /// Directives it does not know stay as they are, as in the C library.
  func format(_ format: String) -> String {
    var output = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%", let next = scalars.popFirst() else {
        output.unicodeScalars.append(scalar)
        continue
      }
      if next == "-", let directive = scalars.first, let value = expand(directive) {
        // Without padding.
        scalars.removeFirst()
        output +=
          value.count > 1
          ? String(value.drop { $0 == "0" || $0 == " " }.isEmpty ? "0" : value.drop { $0 == "0" || $0 == " " }) : value
      } else {
        output += expand(next) ?? "%" + String(next)
      }
    }
    return output
  }

  private func expand(_ directive: Unicode.Scalar) -> String? {
    let hour = parts.hour ?? 0
    let weekday = (parts.weekday ?? 1) - 1
    let month = Self.months[(parts.month ?? 1) - 1]
    return switch directive {
    case "Y": String(parts.year ?? 0)
    case "y": Self.padded((parts.year ?? 0) % 100)
    case "m": Self.padded(parts.month ?? 0)
    case "d": Self.padded(parts.day ?? 0)
    case "e": Self.padded(parts.day ?? 0, with: " ")
    case "H": Self.padded(hour)
    case "I": Self.padded(hour % 12 == 0 ? 12 : hour % 12)
    case "M": Self.padded(parts.minute ?? 0)
    case "S": Self.padded(parts.second ?? 0)
    case "f": "000000"
    case "j": Self.padded(parts.dayOfYear ?? 0, width: 3)
    case "p": hour < 12 ? "AM" : "PM"
    case "A": Self.days[weekday]
    case "a": String(Self.days[weekday].prefix(3))
    case "B": month
    case "b", "h": String(month.prefix(3))
    case "w": String(weekday)
    case "u": String(weekday == 0 ? 7 : weekday)
    case "s": String(Int(date.timeIntervalSince1970.rounded(.down)))
    case "z": (offset < 0 ? "-" : "+") + Self.padded(abs(offset) / 3600) + Self.padded(abs(offset) / 60 % 60)
    case "Z": timeZone.abbreviation(for: date) ?? ""
    case "F": format("%Y-%m-%d")
    case "T", "X": format("%H:%M:%S")
    case "D", "x": format("%m/%d/%y")
    case "R": format("%H:%M")
    case "c": format("%a %b %e %H:%M:%S %Y")
    case "n": "\n"
    case "t": "\t"
    case "%": "%"
    default: nil
    }
  }

  private static func padded(_ value: Int, width: Int = 2, with padding: String = "0") -> String {
    let digits = String(value)
    return String(repeating: padding, count: max(0, width - digits.count)) + digits
  }
}
