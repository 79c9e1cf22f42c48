// The loop's view of what brings it calls: server/api's gRPC server.
#pragma once

namespace warren::runtime {

class Listener {
 public:
  // The broker is draining: tell load balancers to go elsewhere. On the loop's thread.
  virtual void OnDraining() = 0;

  // Takes no more calls, and ends those that are left within a short grace. Blocks; on a thread of
  // its own, while the loop goes on serving the queue.
  virtual void ShutDown() = 0;

 protected:
  ~Listener() = default;
};

}  // namespace warren::runtime
