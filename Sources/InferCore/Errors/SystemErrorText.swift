internal import Foundation

/// The system's description of an error number, by default that of the last failed call.
func systemErrorText(_ code: Int32 = errno) -> String {
  guard let text = unsafe strerror(code) else { return "error \(code)" }
  return unsafe String(cString: text)
}
