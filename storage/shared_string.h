// An immutable string that is shared instead of copied: bodies by all queues and by the journal's
// thread, names by all messages that carry them. Eight bytes a handle; "" needs no allocation.
//
// Thread safety: as a value type; handles to one string may live on different threads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "storage/ref_ptr.h"

namespace warren::storage {

class SharedString {
 public:
  // A text up to that size is copied to stand beside its count, in one allocation of 48 bytes less:
  // a good part of a small message. A longer one is taken over; copies of 1 KiB cost 5 % of the
  // broker's time.
  static constexpr size_t kMostCopied = 512;

  SharedString() = default;
  explicit SharedString(std::string text);

  std::string_view view() const { return text_ ? text_->view() : std::string_view(); }
  std::string str() const { return std::string(view()); }
  size_t size() const { return text_ ? text_->size() : 0; }
  bool empty() const { return !text_; }

  // What it takes in memory, in bytes, without what the allocator adds; shared parts count each time.
  size_t memory() const { return text_ ? text_->memory() : 0; }

  friend bool operator==(const SharedString& a, const SharedString& b) {
    return a.text_ == b.text_ || a.view() == b.view();
  }

 private:
  // The head of an allocation whose tail is the characters, or a std::string that has them.
  class Text : public RefCounted {
   public:
    static Text* New(std::string text);
    ~Text();
    // The tail isn't known to the compiler, so the size isn't either.
    void operator delete(void* memory) { ::operator delete(memory); }

    size_t size() const { return size_; }
    std::string_view view() const { return copied() ? std::string_view(tail(), size_) : owned(); }
    size_t memory() const;

   private:
    explicit Text(size_t size) : size_(size) {}
    void* operator new(size_t head, size_t tail) { return ::operator new(head + tail); }
    void operator delete(void* memory, size_t /*tail*/) { ::operator delete(memory); }

    bool copied() const { return size_ <= kMostCopied; }
    char* tail() const {
      return const_cast<char*>(reinterpret_cast<const char*>(this)) + sizeof(Text);
    }
    std::string& owned() const { return *reinterpret_cast<std::string*>(tail()); }

    const size_t size_;
  };

  RefPtr<const Text> text_;
};

}  // namespace warren::storage
