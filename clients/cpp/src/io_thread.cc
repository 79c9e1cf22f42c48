#include "io_thread.h"

namespace warren::client {

IoThread::IoThread() : thread_([this] { Run(); }) {}

IoThread::~IoThread() {
  queue_.Shutdown();
  thread_.join();
}

void IoThread::Run() {
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) static_cast<Tag*>(tag)->Complete(ok);
}

}  // namespace warren::client
