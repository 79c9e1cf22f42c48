// The one thread that carries all streams of a connection: it waits on a completion queue and hands
// each completion to its tag. Callbacks of publishers and consumers run on it.
#pragma once

#include <grpcpp/completion_queue.h>

#include <thread>

namespace warren::client {

// What a pending operation calls when it is done; outlives the operation.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Complete(bool ok) = 0;
};

// A tag that calls one member function of its owner.
template <typename Owner, void (Owner::*kMethod)(bool)>
class MemberTag final : public Tag {
 public:
  explicit MemberTag(Owner* owner) : owner_(owner) {}
  void Complete(bool ok) override { (owner_->*kMethod)(ok); }

 private:
  Owner* const owner_;
};

// Thread-safe. REQUIRES for the destructor: no operation is pending, and it doesn't run on the
// thread itself.
class IoThread {
 public:
  IoThread();
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  grpc::CompletionQueue& queue() { return queue_; }
  bool IsCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  void Run();

  grpc::CompletionQueue queue_;
  std::thread thread_;
};

}  // namespace warren::client
