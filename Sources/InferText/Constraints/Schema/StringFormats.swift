/// The `format`s of strings that are held, as regular expressions.
enum StringFormats {
  /// The language of a format; `nil` for one that is an annotation.
  static func language(_ format: String, _ pool: inout ExpressionPool) -> Expression? {
    guard let pattern = patterns[format] else { return nil }
    do {
      return try pool.match(pattern)
    } catch {
      preconditionFailure("format \(format): \(error)")
    }
  }

  private static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
  private static let ipv4 = "(?:\(octet)\\.){3}\(octet)"
  /// RFC 3339, with the days that months have.
  private static let date: String = {
    let leap = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
    let long = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    let short = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    return "(?:[0-9]{4}-(?:\(long)|\(short)|02-(?:0[1-9]|1[0-9]|2[0-8]))|\(leap)-02-29)"
  }()
  private static let time: String = {
    let offset = "(?:[zZ]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    return "(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?\(offset)|\(leapSecond))"
  }()
  /// A second that ends a day in Greenwich (RFC 3339, 5.7): elsewhere the time of day is 23:59 and the offset.
  private static let leapSecond: String = {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    func any(_ count: Range<Int>, _ form: (Int) -> String) -> String {
      "(?:" + count.map(form).joined(separator: "|") + ")"
    }
    let second = ":60(?:\\.[0-9]+)?"
    let west = (
      hours: any(0..<24) { "\(two(23 - $0)):[0-5][0-9]\(second)-\(two($0)):[0-5][0-9]" },
      minutes: any(0..<60) { "[0-2][0-9]:\(two(59 - $0))\(second)-[0-2][0-9]:\(two($0))" }
    )
    // East, the minutes of the offset carry over, unless there are none.
    let fullHours = any(0..<24) { "\(two(($0 + 23) % 24)):59\(second)\\+\(two($0)):00" }
    let east = (
      hours: any(0..<24) { "\(two($0)):[0-5][0-9]\(second)\\+\(two($0)):[0-5][0-9]" },
      minutes: any(1..<60) { "[0-2][0-9]:\(two($0 - 1))\(second)\\+[0-2][0-9]:\(two($0))" }
    )
    return "(?:23:59\(second)[zZ]|\(fullHours)|(?=\(west.hours)$)\(west.minutes)|(?=\(east.hours)$)\(east.minutes))"
  }()
  private static let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
  private static let hostname = "(?=.{1,253}$)\(label)(?:\\.\(label))*"
  /// RFC 4291, 2.2.
  private static let ipv6: String = {
    let (group, last) = ("[0-9a-fA-F]{1,4}", "(?:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}|\(ipv4))")
    var forms = ["(?:\(group):){6}\(last)", "::(?:\(group):){5}\(last)"]
    for before in 0...4 {
      let start = before == 0 ? "(?:\(group))?" : "(?:(?:\(group):){0,\(before)}\(group))?"
      forms.append("\(start)::(?:\(group):){\(4 - before)}\(last)")
    }
    forms.append("(?:(?:\(group):){0,5}\(group))?::\(group)")
    forms.append("(?:(?:\(group):){0,6}\(group))?::")
    return "(?:" + forms.joined(separator: "|") + ")"
  }()
  /// RFC 3986, appendix A, and RFC 3987, 2.2, which has further characters.
  private static func references(_ more: String = "") -> (absolute: String, reference: String) {
    let escape = "%[0-9a-fA-F]{2}"
    let character = "(?:[a-zA-Z0-9._~!$&'()*+,;=:@\(more)-]|\(escape))"
    let name = "(?:[a-zA-Z0-9._~!$&'()*+,;=\(more)-]|\(escape))*"
    let user = "(?:[a-zA-Z0-9._~!$&'()*+,;=:\(more)-]|\(escape))*"
    let host = "(?:\\[(?:\(ipv6)|v[0-9a-fA-F]+\\.[a-zA-Z0-9._~!$&'()*+,;=:-]+)\\]|\(name))"
    let authority = "(?:\(user)@)?\(host)(?::[0-9]*)?"
    let path = "(?:/\(character)*)*"
    let rest = "(?:\\?(?:\(character)|[/?])*)?(?:#(?:\(character)|[/?])*)?"
    let hierarchy = "(?://\(authority)\(path)|/(?:\(character)+\(path))?|\(character)+\(path)|)"
    let segment = "(?:[a-zA-Z0-9._~!$&'()*+,;=@\(more)-]|\(escape))+"
    let relative = "(?://\(authority)\(path)|/(?:\(character)+\(path))?|\(segment)\(path)|)"
    let absolute = "[a-zA-Z][a-zA-Z0-9+.-]*:\(hierarchy)\(rest)"
    return (absolute, "(?:\(absolute)|\(relative)\(rest))")
  }
  private static let international = "\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}\\u{10000}-\\u{EFFFD}"
  private static let (uri, iri) = (references(), references(international))
  /// RFC 6570, 2.
  private static let template: String = {
    let character = "(?:[A-Za-z0-9_]|%[0-9a-fA-F]{2})"
    let variable = "\(character)(?:\\.?\(character))*(?::[1-9][0-9]{0,3}|\\*)?"
    let literal = "[!#$&(-;=?-\\[\\]_a-z~\(international)]|%[0-9a-fA-F]{2}"
    return "(?:\(literal)|\\{[+#./;?&=,!@|]?\(variable)(?:,\(variable))*\\})*"
  }()
  private static let pointer = "(?:/(?:[^~/]|~[01])*)*"
  /// Expressions of ECMAScript, with groups in each other up to eight times. Ranges may be out of order, and references
  /// without a group.
  private static let expression: String = {
    let hexadecimal = "[0-9a-fA-F]"
    let escape = "\\\\(?:[^acegh-jl-oqyzA-CE-OQRT-VX-Z]|[bBcfnrtvk]|x\(hexadecimal){2}|u\(hexadecimal){4})"
    let characters = "\\[\\^?(?:[^\\]\\\\]|\(escape))*\\]"
    let count = "(?:[*+?]|\\{[0-9]+(?:,[0-9]*)?\\})\\??"
    let simple = "[^\\\\^$*+?()\\[|]|\(escape)|\(characters)"
    let name = "<[A-Za-z_$][A-Za-z0-9_$]*>"
    var inner = "(?:(?:\(simple))(?:\(count))?|[\\^$|])*"
    for _ in 0..<8 {
      let group = "\\((?:\\?(?:[:=!]|<[=!]|P?\(name)))?\(inner)\\)"
      inner = "(?:(?:\(simple)|\(group))(?:\(count))?|[\\^$|])*"
    }
    return inner
  }()
  private static let atoms = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*"
  private static let quoted = "\"(?:[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E]|\\\\[\\x20-\\x7E])*\""
  /// ISO 8601 as in appendix A of RFC 3339.
  private static let duration: String = {
    let time = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
    let date = "(?:[0-9]+D|[0-9]+M(?:[0-9]+D)?|[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?)"
    return "P(?:\(date)(?:\(time))?|\(time)|[0-9]+W)"
  }()

  static let patterns: [String: String] = [
    "date-time": "\(date)[tT ]\(time)", "date": date, "time": time, "duration": duration,
    "email": "(?:\(atoms)|\(quoted))@(?:\(label)(?:\\.\(label))*|\\[(?:\(ipv4)|IPv6:\(ipv6))\\])",
    "hostname": hostname, "ipv4": ipv4, "ipv6": ipv6, "uri": uri.absolute, "uri-reference": uri.reference,
    "iri": iri.absolute, "iri-reference": iri.reference, "uri-template": template, "regex": expression,
    "json-pointer": pointer, "relative-json-pointer": "(?:0|[1-9][0-9]*)(?:#|\(pointer))",
    "idn-email": "(?:[^@\\s]+|\(quoted))@(?:[^@\\s]+)",
    "idn-hostname": "[a-zA-Z0-9\(international)](?:[a-zA-Z0-9.\(international)-]*[a-zA-Z0-9\(international)])?",
    "uuid": "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
  ]
}
