/// This software, as answers and banners name it.
enum Software {
  /// Its name.
  static let name = "infer-serve"
  /// Its version.
  static let version = "0.1.0"
}
