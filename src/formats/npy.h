// NumPy's .npy files: one array each.
#ifndef MOULIN_FORMATS_NPY_H_
#define MOULIN_FORMATS_NPY_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// Reads versions 1 to 3 of the format, either byte order, row-major or column-major.
//
// Types: bool, all (u)ints, float16/32/64, complex64/128; 'S' (fixed-width bytes) and 'U' (fixed-width UTF-32, given as
// UTF-8) become kString, without their trailing NULs, as NumPy shows them. Objects and records are E_DTYPE.
// Other errors: E_EMPTY, E_PARSE (no .npy, malformed header), E_DATA (fewer or more bytes than the shape asks for),
// E_SHAPE, E_LIMIT (limits.tensor_bytes).
StatusOr<Tensor> ParseNpy(absl::string_view bytes, const Limits& limits = {});
StatusOr<Tensor> ReadNpy(const std::string& path, const Limits& limits = {});

// The bytes of a .npy file: version 1, little-endian, row-major, the elements aligned to 64 bytes. Strings are padded
// with NULs to the longest one. NumPy has no bfloat16 and no quantised types: these are written as their raw integers
// (uint16, int8, ...); CastStored undoes that.
StatusOr<std::string> EncodeNpy(const Tensor& tensor);
Status WriteNpy(const std::string& path, const Tensor& tensor);

// The header alone, which EncodeNpy puts before the elements.
StatusOr<std::string> EncodeNpyHeader(const Tensor& tensor);

// `stored` as `declared`: the same tensor where the types agree; the same bits where `declared` is bfloat16 or
// quantised and `stored` the integer type of its size. E_DTYPE otherwise. Elements are shared.
StatusOr<Tensor> CastStored(const Tensor& stored, DType declared);

}  // namespace moulin

#endif  // MOULIN_FORMATS_NPY_H_
