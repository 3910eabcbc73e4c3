// An elementwise expression compiled to a list of vectorised loops over cache-sized tiles.
#ifndef MOULIN_DEVICE_HOST_CPU_MAP_PROGRAM_H_
#define MOULIN_DEVICE_HOST_CPU_MAP_PROGRAM_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "device/host/cpu/thread_pool.h"
#include "device/host/cpu/tile_ops.h"
#include "ir/expr.h"
#include "moulin/shape.h"

namespace moulin::cpu {

// Inputs are read where they lie when they run along with the output, and copied tile by tile when they are
// broadcast otherwise; intermediate values never leave the first-level cache. Immutable; Run is thread-safe.
class MapProgram {
 public:
  static constexpr int64_t kTileElements = 1024;

  // Nothing where the expression has an operation or type that the loops do not cover (complex numbers, integer
  // division, rare functions): ops/map_eval.h takes those. input_shapes[i] must broadcast to `output`; shapes of inputs
  // that the expression does not read are ignored.
  static std::optional<MapProgram> Compile(const Expr& expr, absl::Span<const Shape> input_shapes, const Shape& output,
                                           const TileOps& tiles);

  // inputs[i] and `output` are the addresses of row-major elements. `output` may be that of an input of the same
  // shape and element size.
  void Run(absl::Span<const void* const> inputs, void* output, ThreadPool& pool) const;

 private:
  enum class Access {
    kDirect,    // a run of elements of the input itself
    kConstant,  // a tile filled once for each range
    kRepeated,  // likewise, with the input's row over and over
    kSpread,    // a tile filled with one element for each row
    kGathered,  // a tile copied together row by row
  };
  struct Load {
    int input;
    int slot;
    int64_t element_bytes;
    Access access;
    std::vector<int64_t> strides;  // one a collapsed axis, in elements
  };
  struct Step {
    TileFn fn;
    int args[3];
    int out;
  };
  struct ConstantSlot {
    int slot;
    int64_t element_bytes;
    char value[8];
  };
  class Compiler;
  struct State;

  void RunUnits(int64_t begin, int64_t end, absl::Span<const void* const> inputs, void* output) const;
  void Prepare(State& state, absl::Span<const void* const> inputs) const;
  void LoadTile(State& state, int64_t row, int64_t rows, int64_t column, bool new_row,
                absl::Span<const void* const> inputs) const;
  int64_t OffsetOf(const Load& load, int64_t row) const;
  void FillRepeated(const Load& load, const void* input, void* tile) const;
  void Gather(const Load& load, const char* input, int64_t row, int64_t rows, char* tile) const;

  std::vector<int64_t> dims_;  // collapsed axes, outermost first; at least one
  int64_t rows_ = 1;           // product of all but the last
  int64_t columns_ = 1;        // the last
  int64_t rows_per_tile_ = 0;  // 0: tiles are parts of rows
  int64_t num_units_ = 0;      // tiles in all
  double element_cost_ns_ = 0;
  int64_t output_bytes_ = 4;  // of an element
  int num_slots_ = 0;
  int output_slot_ = 0;
  std::vector<ConstantSlot> constants_;
  std::vector<Load> loads_;
  std::vector<Step> steps_;
};

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_MAP_PROGRAM_H_
