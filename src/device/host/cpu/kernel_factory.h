// What the CPU device's kernels are made from, and the list of what makes them.
#ifndef MOULIN_DEVICE_HOST_CPU_KERNEL_FACTORY_H_
#define MOULIN_DEVICE_HOST_CPU_KERNEL_FACTORY_H_

#include <memory>
#include <vector>

#include "device/host/cpu/constant_cache.h"
#include "device/host/cpu/thread_pool.h"
#include "device/host/cpu/tile_ops.h"
#include "device/host/host_kernel.h"
#include "device/node_view.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin::cpu {

// What the kernels of one device share. Kernels keep it alive.
struct CpuContext {
  explicit CpuContext(int threads) : pool(threads), tiles(GetTileOps()) {}
  ThreadPool pool;
  ConstantCache constants;
  const TileOps& tiles;
};

// A node to be prepared; all types are concrete.
struct KernelRequest : NodeView {
  std::shared_ptr<CpuContext> context;
};

using KernelPtr = std::shared_ptr<const HostKernel>;

// A kernel for the node, or null where this factory has none for its types, shapes or attributes.
using KernelFactory = StatusOr<KernelPtr> (*)(const KernelRequest& request);

StatusOr<KernelPtr> MakeMapKernel(const KernelRequest& request);            // map_kernel.cc
StatusOr<KernelPtr> MakeContractKernel(const KernelRequest& request);       // contract_kernel.cc
StatusOr<KernelPtr> MakeConvKernel(const KernelRequest& request);           // conv_kernel.cc
StatusOr<KernelPtr> MakeConvTransposeKernel(const KernelRequest& request);  // conv_kernel.cc
StatusOr<KernelPtr> MakePoolKernel(const KernelRequest& request);           // pool_kernel.cc
StatusOr<KernelPtr> MakeSoftmaxKernel(const KernelRequest& request);        // normalize_kernel.cc
StatusOr<KernelPtr> MakeLayerNormKernel(const KernelRequest& request);      // normalize_kernel.cc
StatusOr<KernelPtr> MakeBatchNormKernel(const KernelRequest& request);      // normalize_kernel.cc
StatusOr<KernelPtr> MakeReduceKernel(const KernelRequest& request);         // reduce_kernel.cc
StatusOr<KernelPtr> MakeArgReduceKernel(const KernelRequest& request);      // reduce_kernel.cc
StatusOr<KernelPtr> MakeAttentionKernel(const KernelRequest& request);      // attention_kernel.cc
StatusOr<KernelPtr> MakeResizeKernel(const KernelRequest& request);         // resize_kernel.cc
StatusOr<KernelPtr> MakeMovementKernel(const KernelRequest& request);       // movement_kernel.cc: strided copies
StatusOr<KernelPtr> MakeGatherKernel(const KernelRequest& request);         // gather_kernel.cc

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_KERNEL_FACTORY_H_
