/// The terminals that Lark's grammars import from `common`, as regular expressions of what its lexer takes for them.
enum LarkTerminals {
  static let patterns: [String: String] = [
    "DIGIT": "[0-9]",
    "HEXDIGIT": "[0-9a-fA-F]",
    "INT": "[0-9]+",
    "SIGNED_INT": "[+-]?[0-9]+",
    "DECIMAL": decimal,
    "_EXP": exponent,
    "FLOAT": float,
    "SIGNED_FLOAT": "[+-]?(\(float))",
    "NUMBER": "\(float)|[0-9]+",
    "SIGNED_NUMBER": "[+-]?(\(float)|[0-9]+)",
    "ESCAPED_STRING": #""([^"\\\n]|\\[^\n])*""#,
    "LCASE_LETTER": "[a-z]",
    "UCASE_LETTER": "[A-Z]",
    "LETTER": "[a-zA-Z]",
    "WORD": "[a-zA-Z]+",
    "CNAME": "[_a-zA-Z][_a-zA-Z0-9]*",
    "WS_INLINE": "[ \\t]+",
    "WS": "[ \\t\\f\\r\\n]+",
    "CR": "\\r",
    "LF": "\\n",
    "NEWLINE": "(\\r?\\n)+",
    "SH_COMMENT": "#[^\\n]*",
    "CPP_COMMENT": "//[^\\n]*",
    "C_COMMENT": #"/\*([^*]|\*+[^*/])*\*+/"#,
    "SQL_COMMENT": "--[^\\n]*",
  ]

  private static let decimal = "[0-9]+\\.[0-9]*|\\.[0-9]+"
  private static let exponent = "[eE][+-]?[0-9]+"
  private static let float = "[0-9]+\(exponent)|(\(decimal))(\(exponent))?"
}
