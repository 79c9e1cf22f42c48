// A file system for RocksDB whose disk is full on demand: from some byte on, nothing more can be
// appended to any file, nor made. What was appended before stays, also the front half of a write.
//
// Thread safety: thread-safe; RocksDB calls in on threads of its own.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace warren::storage {

class FailingFileSystem {
 public:
  FailingFileSystem()
      : state_(std::make_shared<State>()),
        env_(rocksdb::NewCompositeEnv(std::make_shared<FileSystem>(state_))) {}

  rocksdb::Env* env() { return env_.get(); }

  // That many bytes can be appended, then the disk is full.
  void FailAfterBytes(uint64_t bytes) {
    const std::lock_guard lock(state_->mutex);
    state_->room = bytes;
    state_->failures_left = std::numeric_limits<uint64_t>::max();
  }
  // The disk has room again after that many more operations have failed.
  void MendAfterFailures(uint64_t failures) {
    const std::lock_guard lock(state_->mutex);
    state_->failures_left = failures;
  }
  void Mend() {
    const std::lock_guard lock(state_->mutex);
    state_->room = std::numeric_limits<uint64_t>::max();
  }

 private:
  struct State {
    std::mutex mutex;
    uint64_t room = std::numeric_limits<uint64_t>::max();
    uint64_t failures_left = 0;

    // How many of `bytes` can be appended now.
    size_t Take(size_t bytes) {
      const std::lock_guard lock(mutex);
      const auto taken = static_cast<size_t>(std::min<uint64_t>(room, bytes));
      if (room != std::numeric_limits<uint64_t>::max()) room -= taken;
      if (taken < bytes && failures_left-- == 0) room = std::numeric_limits<uint64_t>::max();
      return taken;
    }
  };

  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<State> state)
        : FSWritableFileOwnerWrapper(std::move(file)), state_(std::move(state)) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      const size_t taken = state_->Take(data.size());
      const rocksdb::IOStatus appended =
          target()->Append(rocksdb::Slice(data.data(), taken), options, debug);
      return taken == data.size() ? appended : Full();
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo& /*info*/,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }

   private:
    const std::shared_ptr<State> state_;
  };

  class FileSystem : public rocksdb::FileSystemWrapper {
   public:
    explicit FileSystem(std::shared_ptr<State> state)
        : FileSystemWrapper(rocksdb::FileSystem::Default()), state_(std::move(state)) {}
    const char* Name() const override { return "FailingFileSystem"; }

    rocksdb::IOStatus NewWritableFile(const std::string& name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override {
      // A new file takes a byte, for its name.
      if (state_->Take(1) < 1) return Full();
      std::unique_ptr<rocksdb::FSWritableFile> made;
      rocksdb::IOStatus status = target()->NewWritableFile(name, options, &made, debug);
      if (status.ok()) *file = std::make_unique<File>(std::move(made), state_);
      return status;
    }

   private:
    const std::shared_ptr<State> state_;
  };

  static rocksdb::IOStatus Full() {
    return rocksdb::IOStatus::NoSpace("while appending", "No space left on device");
  }

  const std::shared_ptr<State> state_;
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace warren::storage
