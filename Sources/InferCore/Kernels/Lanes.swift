internal import CKernels
internal import Glibc

// A residual stream of several lanes side by side, as hyper-connections and alternating updates have it.

/// `out = Σ weightᵢ · laneᵢ`, row by row.
///
/// - Parameters:
///   - stream: `[rows × lanes · width]`.
///   - weights: `[rows × lanes]`.
///   - out: `[rows × width]`.
package func addLanes(_ stream: Rows, weights: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  let (lanes, width) = (weights.columns, out.columns)
  precondition(
    stream.columns == lanes * width && stream.count == out.count && weights.count == out.count,
    "\(stream.columns) columns in \(lanes) lanes")
  unsafe forEachRow(out.count, step) { row in
    let (from, to) = unsafe (stream.base + row * stream.stride, out.base + row * out.stride)
    unsafe to.update(repeating: 0, count: width)
    for lane in 0..<lanes {
      unsafe ck_add_scaled(to, from + lane * width, weights.base[row * weights.stride + lane], width)
    }
  }
}

/// `laneᵢ += weightᵢ · x`, row by row.
///
/// - Parameters:
///   - x: `[rows × width]`.
///   - weights: `[rows × lanes]`.
///   - stream: `[rows × lanes · width]`.
package func addToLanes(_ x: Rows, weights: Rows, of stream: inout MutableRows, _ step: borrowing Step) {
  let (lanes, width) = (weights.columns, x.columns)
  precondition(
    stream.columns == lanes * width && stream.count == x.count && weights.count == x.count,
    "\(stream.columns) columns in \(lanes) lanes")
  unsafe forEachRow(x.count, step) { row in
    let (from, to) = unsafe (x.base + row * x.stride, stream.base + row * stream.stride)
    for lane in 0..<lanes {
      unsafe ck_add_scaled(to + lane * width, from, weights.base[row * weights.stride + lane], width)
    }
  }
}

/// Gives every row of `x` the root mean square of the same row of `other`. That of `x` counts as no less than `√least`.
package func matchMagnitude(_ x: inout MutableRows, of other: Rows, least: Float, _ step: borrowing Step) {
  precondition(other.columns == x.columns && other.count == x.count, "\(other.columns) columns for \(x.columns)")
  unsafe forEachRow(x.count, step) { row in
    unsafe ck_match_magnitude(x.base + row * x.stride, other.base + row * other.stride, least, x.columns)
  }
}

/// `outᵢ = scale · xᵢ · yᵢ` of the lanes `xᵢ` and `yᵢ`, row by row.
///
/// - Parameters:
///   - x: `[rows × lanes · width]`.
///   - y: the same shape.
///   - scale: the factor on products.
///   - out: `[rows × lanes]`.
package func multiplyLanes(_ x: Rows, _ y: Rows, scale: Float, into out: inout MutableRows, _ step: borrowing Step) {
  precondition(
    x.columns == y.columns && x.columns % out.columns == 0 && x.count == y.count && x.count == out.count,
    "\(x.columns) columns by \(y.columns) in \(out.columns) lanes")
  let width = x.columns / out.columns
  unsafe forEachRow(x.count, step) { row in
    let (a, b) = unsafe (x.base + row * x.stride, y.base + row * y.stride)
    for lane in 0..<out.columns {
      var sum: Float = 0
      for column in lane * width..<(lane + 1) * width { unsafe sum += a[column] * b[column] }
      unsafe out.base[row * out.stride + lane] = scale * sum
    }
  }
}

/// `x = ±√max(|x|, least)`, with the sign of `x`; 0 stays 0.
package func signedRoot(_ x: inout MutableRows, least: Float, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    for column in 0..<x.columns {
      let value = unsafe values[column]
      let root = max(abs(value), least).squareRoot()
      unsafe values[column] = value > 0 ? root : value < 0 ? -root : value
    }
  }
}

/// Makes square matrices whose rows and columns sum to one, nearly: the softmax of every row, then columns and rows divided by
/// their sums in turn (Sinkhorn & Knopp 1967), columns last.
///
/// - Parameters:
///   - x: `[rows × lanes · lanes]`, logits.
///   - lanes: the number of rows and columns of a matrix.
///   - iterations: the number of times that columns are divided.
///   - epsilon: what is added to every element, and to every sum.
package func balance(
  _ x: inout MutableRows, lanes: Int, iterations: Int, epsilon: Float, _ step: borrowing Step
) {
  precondition(x.columns == lanes * lanes && iterations > 0, "\(x.columns) columns of \(lanes) lanes")
  unsafe forEachRow(x.count, step) { row in
    let matrix = unsafe x.base + row * x.stride
    for first in stride(from: 0, to: lanes * lanes, by: lanes) {
      var most = -Float.infinity
      for column in 0..<lanes { most = unsafe max(most, matrix[first + column]) }
      for column in 0..<lanes { unsafe matrix[first + column] = expf(matrix[first + column] - most) }
      unsafe divide(matrix + first, lanes, every: 1, epsilon: 0)
      for column in 0..<lanes { unsafe matrix[first + column] += epsilon }
    }
    for iteration in 0..<iterations {
      if iteration > 0 {
        for row in 0..<lanes { unsafe divide(matrix + row * lanes, lanes, every: 1, epsilon: epsilon) }
      }
      for column in 0..<lanes { unsafe divide(matrix + column, lanes, every: lanes, epsilon: epsilon) }
    }
  }
}

/// Divides numbers by their sum.
private func divide(_ x: UnsafeMutablePointer<Float>, _ count: Int, every stride: Int, epsilon: Float) {
  var sum: Float = 0
  for index in 0..<count { unsafe sum += x[index * stride] }
  for index in 0..<count { unsafe x[index * stride] /= sum + epsilon }
}

/// `laneⱼ = Σᵢ matrixᵢⱼ · laneᵢ`, row by row.
///
/// - Parameters:
///   - stream: `[rows × lanes · width]`.
///   - matrices: `[rows × lanes · lanes]`.
///   - lanes: the number of lanes.
package func mixLanes(_ stream: inout MutableRows, by matrices: Rows, lanes: Int, _ step: borrowing Step) {
  precondition(
    stream.columns % lanes == 0 && matrices.columns == lanes * lanes && matrices.count == stream.count,
    "\(stream.columns) columns in \(lanes) lanes by \(matrices.columns)")
  let width = stream.columns / lanes
  step.scoped {
    let before = step.take(rows: stream.count, columns: stream.columns)
    unsafe forEachRow(stream.count, step) { row in
      let (from, to) = unsafe (before.base + row * before.stride, stream.base + row * stream.stride)
      let matrix = unsafe matrices.base + row * matrices.stride
      unsafe from.update(from: to, count: stream.columns)
      unsafe to.update(repeating: 0, count: stream.columns)
      for target in 0..<lanes {
        for source in 0..<lanes {
          unsafe ck_add_scaled(to + target * width, from + source * width, matrix[source * lanes + target], width)
        }
      }
    }
  }
}
