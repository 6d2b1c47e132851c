/**
 * Shapes of all tensors of a TFLite file for one shape of its input, fixed in the
 * flatbuffer.
 *
 * LiteRT.js has no way to resize an input: it refuses to run a file whose batch or size
 * is open, and where a tensor in between is open, the fast kernels (XNNPACK) do not run.
 */

// Places of the fields in their tables, and numbers of operators (TFLite's schema,
// version 3).
const MODEL = {codes: 1, subgraphs: 2};
const CODE = {builtin: 0};
const SUBGRAPH = {tensors: 0, inputs: 1, operators: 3};
const TENSOR = {shape: 0, signature: 7};
const OPERATOR = {code: 0, inputs: 1, outputs: 2, options: 4};
const OPTIONS = {padding: 0, strideX: 1, strideY: 2, filterX: 3, filterY: 4};
const CONV_2D = 3;
const MAX_POOL_2D = 17;
const VALID = 1;

/**
 * A copy of a file of one input, for an input of this shape.
 * @param {Uint8Array} content
 * @param {number[]} input
 * @returns {Uint8Array}
 */
export function withShapes(content, input) {
  const copy = content.slice();
  const view = new DataView(copy.buffer);
  const model = view.getUint32(0, true);
  const codes = tables(view, vector(view, model, MODEL.codes));
  const [graph] = tables(view, vector(view, model, MODEL.subgraphs));
  const tensors = tables(view, vector(view, graph, SUBGRAPH.tensors));
  const [first] = numbers(view, vector(view, graph, SUBGRAPH.inputs));
  /** @type {Map<number, number[]>} Fixed shapes by the tensor. */
  const shapes = new Map([[first, fix(view, tensors[first], input)]]);
  for (const operator of tables(view, vector(view, graph, SUBGRAPH.operators))) {
    const code = codes[scalar(view, operator, OPERATOR.code, 4)];
    const [from, weights] = numbers(view, vector(view, operator, OPERATOR.inputs));
    const sides = shapes.get(from) ?? shape(view, tensors[from]);
    const kind = scalar(view, code, CODE.builtin, 1);
    const given = [CONV_2D, MAX_POOL_2D].includes(kind)
      ? windows(view, operator, sides, kind === CONV_2D ? shape(view, tensors[weights]) : null)
      : sides;
    for (const index of numbers(view, vector(view, operator, OPERATOR.outputs))) {
      shapes.set(index, fix(view, tensors[index], given));
    }
  }
  return copy;
}

/**
 * Batch, rows and columns after a convolution or a pooling.
 * @param {DataView} view @param {number} operator @param {number[]} sides
 * @param {number[] | null} weights Shape of the convolution's.
 */
function windows(view, operator, [batch, rows, columns], weights) {
  const options = vector(view, operator, OPERATOR.options);
  const valid = scalar(view, options, OPTIONS.padding, 1) === VALID;
  const [filterY, filterX] = weights
    ? weights.slice(1, 3)
    : [OPTIONS.filterY, OPTIONS.filterX].map((field) => scalar(view, options, field, 4));
  const [strideY, strideX] = [OPTIONS.strideY, OPTIONS.strideX].map((field) =>
    scalar(view, options, field, 4),
  );
  return [
    batch,
    Math.ceil((valid ? rows - filterY + 1 : rows) / strideY),
    Math.ceil((valid ? columns - filterX + 1 : columns) / strideX),
  ];
}

/**
 * Gives the open sides of a tensor these lengths; the others stay.
 * @param {DataView} view @param {number} tensor @param {number[]} sides
 */
function fix(view, tensor, sides) {
  const signature = vector(view, tensor, TENSOR.signature);
  const start = vector(view, tensor, TENSOR.shape);
  if (signature) {
    numbers(view, signature).forEach((side, index) => {
      if (side >= 0) return;
      view.setInt32(signature + 4 + 4 * index, sides[index], true);
      view.setInt32(start + 4 + 4 * index, sides[index], true);
    });
  }
  return shape(view, tensor);
}

/** @param {DataView} view @param {number} tensor */
function shape(view, tensor) {
  const start = vector(view, tensor, TENSOR.shape);
  return start ? numbers(view, start) : [];
}

/**
 * Place of a field in the file; 0 if the table lacks it.
 * @param {DataView} view @param {number} table @param {number} field
 */
function place(view, table, field) {
  const fields = table - view.getInt32(table, true);
  const slot = 4 + 2 * field;
  const offset = slot < view.getUint16(fields, true) ? view.getUint16(fields + slot, true) : 0;
  return offset && table + offset;
}

/**
 * Place of a vector, at its length, or of a table that a field has; 0 if it is missing.
 * @param {DataView} view @param {number} table @param {number} field
 */
function vector(view, table, field) {
  const at = place(view, table, field);
  return at && at + view.getUint32(at, true);
}

/**
 * A number of 1 or 4 bytes; 0 if the table lacks it.
 * @param {DataView} view @param {number} table @param {number} field @param {1 | 4} bytes
 */
function scalar(view, table, field, bytes) {
  const at = place(view, table, field);
  if (!at) return 0;
  return bytes === 1 ? view.getInt8(at) : view.getInt32(at, true);
}

/** @param {DataView} view @param {number} start */
function numbers(view, start) {
  const length = view.getUint32(start, true);
  return Array.from({length}, (_, index) => view.getInt32(start + 4 + 4 * index, true));
}

/** @param {DataView} view @param {number} start */
function tables(view, start) {
  return numbers(view, start).map((offset, index) => start + 4 + 4 * index + offset);
}
