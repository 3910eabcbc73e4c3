// The elements of a tensor in a form of somebody's own, such as weights in the layout that a kernel reads.
#ifndef MOULIN_BASE_TENSOR_COPY_H_
#define MOULIN_BASE_TENSOR_COPY_H_

namespace moulin {

class TensorCopy {
 public:
  virtual ~TensorCopy() = default;
  // Writes the elements, bit for bit, where they were. Cannot fail.
  virtual void Restore(void* to) const = 0;
};

}  // namespace moulin

#endif  // MOULIN_BASE_TENSOR_COPY_H_
