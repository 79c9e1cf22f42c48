// Intrusive reference counting: one word a pointer, one allocation an object.
//
// Thread safety: the count is atomic, so references to one object may be dropped on any thread.
// The object itself is shared as const.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace warren::storage {

// Base of counted objects. A copy of an object starts with a count of its own.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) {}
  RefCounted& operator=(const RefCounted&) { return *this; }

 private:
  template <typename T>
  friend class RefPtr;
  mutable std::atomic<uint32_t> references_{0};
};

// Owns one reference to a T, which derives from RefCounted; null by default.
template <typename T>
class RefPtr {
 public:
  RefPtr() = default;
  RefPtr(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
  explicit RefPtr(T* object) : object_(object) { Acquire(); }
  RefPtr(const RefPtr& other) : object_(other.object_) { Acquire(); }
  RefPtr(RefPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  // From pointer to mutable, or to derived.
  template <typename U>
  RefPtr(const RefPtr<U>& other) : object_(other.get()) {  // NOLINT(google-explicit-constructor)
    Acquire();
  }
  template <typename U>
  RefPtr(RefPtr<U>&& other) : object_(other.release()) {}  // NOLINT(google-explicit-constructor)
  ~RefPtr() { Drop(); }

  RefPtr& operator=(RefPtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const RefPtr& a, const RefPtr& b) { return a.object_ == b.object_; }

  // Gives the reference up without dropping it; another RefPtr must take it over.
  T* release() { return std::exchange(object_, nullptr); }

 private:
  template <typename U>
  friend class RefPtr;

  void Acquire() {
    if (object_ != nullptr) object_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void Drop() {
    if (object_ != nullptr && object_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete object_;
    }
  }

  T* object_ = nullptr;
};

template <typename T, typename... Args>
RefPtr<T> MakeRef(Args&&... args) {
  return RefPtr<T>(new T{std::forward<Args>(args)...});
}

}  // namespace warren::storage
