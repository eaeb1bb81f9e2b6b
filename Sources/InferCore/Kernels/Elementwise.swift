internal import CKernels
internal import Glibc

/// `out = scale · x`.
public func assign(_ x: Rows, scale: Float, to out: inout MutableRows, _ step: borrowing Step) {
  precondition(x.count == out.count && x.columns == out.columns, "assigning \(x.columns) columns to \(out.columns)")
  unsafe forEachRow(x.count, step) { row in
    let (from, to) = unsafe (x.base + row * x.stride, out.base + row * out.stride)
    for column in 0..<x.columns { unsafe to[column] = scale * from[column] }
  }
}

/// `out += scale · x`.
public func add(_ x: Rows, scale: Float = 1, to out: inout MutableRows, _ step: borrowing Step) {
  precondition(x.count == out.count && x.columns == out.columns, "adding \(x.columns) columns to \(out.columns)")
  unsafe forEachRow(x.count, step) { row in
    unsafe ck_add_scaled(out.base + row * out.stride, x.base + row * x.stride, scale, x.columns)
  }
}

/// Adds `bias` to every row of `x`.
public func addBias(_ bias: [Float], to x: inout MutableRows, _ step: borrowing Step) {
  precondition(bias.count == x.columns, "bias of \(bias.count) for \(x.columns) columns")
  unsafe bias.withUnsafeBufferPointer { bias in
    unsafe forEachRow(x.count, step) { row in
      unsafe ck_add_scaled(x.base + row * x.stride, bias.baseAddress, 1, x.columns)
    }
  }
}

/// `x *= scale`.
public func scale(_ x: inout MutableRows, by scale: Float, _ step: borrowing Step) {
  guard scale != 1 else { return }
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    for column in 0..<x.columns { unsafe values[column] *= scale }
  }
}

/// `x = value`, everywhere.
package func assign(_ value: Float, to x: inout MutableRows, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in unsafe (x.base + row * x.stride).update(repeating: value, count: x.columns)
  }
}

/// Multiplies every column of `x` by its factor.
public func scaleColumns(_ x: inout MutableRows, by factors: [Float], _ step: borrowing Step) {
  precondition(factors.count == x.columns, "\(factors.count) factors for \(x.columns) columns")
  unsafe factors.withUnsafeBufferPointer { factors in
    unsafe forEachRow(x.count, step) { row in
      let values = unsafe x.base + row * x.stride
      unsafe ck_product(values, values, factors.baseAddress, x.columns)
    }
  }
}

/// `out = x · y`, element by element.
public func multiply(_ x: Rows, _ y: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  precondition(x.count == out.count && x.columns == out.columns, "\(x.columns) columns into \(out.columns)")
  precondition(y.count == x.count && y.columns == x.columns, "\(x.columns) columns by \(y.columns)")
  unsafe forEachRow(x.count, step) { row in
    unsafe ck_product(out.base + row * out.stride, x.base + row * x.stride, y.base + row * y.stride, x.columns)
  }
}

/// `x = x · y`, element by element.
public func multiply(_ x: inout MutableRows, by y: Rows, _ step: borrowing Step) {
  precondition(y.count == x.count && y.columns == x.columns, "\(x.columns) columns by \(y.columns)")
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    unsafe ck_product(values, values, y.base + row * y.stride, x.columns)
  }
}

/// `out = x + y · factors`, with a factor for each column.
public func addProduct(_ x: Rows, _ y: Rows, by factors: [Float], into out: inout MutableRows, _ step: borrowing Step) {
  precondition(x.count == out.count && x.columns == out.columns, "\(x.columns) columns into \(out.columns)")
  precondition(y.count == x.count && y.columns == x.columns && factors.count == x.columns, "\(factors.count) factors")
  unsafe factors.withUnsafeBufferPointer { factors in
    unsafe forEachRow(x.count, step) { row in
      unsafe ck_add_product(
        out.base + row * out.stride, x.base + row * x.stride, y.base + row * y.stride, factors.baseAddress, x.columns)
    }
  }
}

/// `x = x + y · z`, element by element.
public func addProduct(_ y: Rows, _ z: Rows, to x: inout MutableRows, _ step: borrowing Step) {
  precondition(y.count == x.count && y.columns == x.columns, "adding \(y.columns) columns to \(x.columns)")
  precondition(z.count == x.count && z.columns == x.columns, "\(y.columns) columns by \(z.columns)")
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    unsafe ck_add_product(values, values, y.base + row * y.stride, z.base + row * z.stride, x.columns)
  }
}
