#include "bidi_stream.h"

#include <utility>

#include "status.h"

namespace warren::client {

BidiStream::BidiStream(std::shared_ptr<grpc::Channel> channel, const std::string& method,
                       const Authorization& authorization, IoThread& io, Handler& handler)
    : handler_(handler) {
  Authorize(authorization, context_);
  call_ = grpc::GenericStub(std::move(channel)).PrepareCall(&context_, method, &io.queue());
}

void BidiStream::Start() {
  self_ = shared_from_this();
  call_->StartCall(&started_tag_);
}

bool BidiStream::BeginWrite() {
  const MutexLock lock(mutex_);
  if (broken_ || ended_) return false;
  writing_ = true;
  return true;
}

void BidiStream::Write(const grpc::ByteBuffer& frame) {
  if (BeginWrite()) call_->Write(frame, &written_tag_);
}

void BidiStream::WritesDone() {
  if (BeginWrite()) call_->WritesDone(&half_closed_tag_);
}

void BidiStream::StartRead() {
  {
    const MutexLock lock(mutex_);
    if (ended_) return;
    reading_ = true;
  }
  call_->Read(&read_frame_, &read_tag_);
}

void BidiStream::Cancel() { context_.TryCancel(); }

bool BidiStream::BeginFinish() {
  if (!ended_ || finishing_ || writing_ || reading_) return false;
  finishing_ = true;
  return true;
}

void BidiStream::Finish() { call_->Finish(&final_status_, &finished_tag_); }

void BidiStream::Started(bool ok) {
  if (ok) return handler_.OnStarted();
  MutexLock lock(mutex_);
  ended_ = true;
  if (!BeginFinish()) return;
  lock.Unlock();
  Finish();
}

void BidiStream::Written(bool ok) {
  HalfClosed(ok);
  if (ok) handler_.OnWritten();
}

void BidiStream::HalfClosed(bool ok) {
  MutexLock lock(mutex_);
  writing_ = false;
  if (!ok) broken_ = true;
  if (!BeginFinish()) return;
  lock.Unlock();
  Finish();
}

void BidiStream::ReadDone(bool ok) {
  grpc::ByteBuffer frame;
  frame.Swap(&read_frame_);  // empty if it failed
  MutexLock lock(mutex_);
  reading_ = false;
  if (ok) {
    lock.Unlock();
    return handler_.OnRead(std::move(frame));
  }
  ended_ = true;
  if (!BeginFinish()) return;
  lock.Unlock();
  Finish();
}

void BidiStream::Finished(bool) {
  // The handler may drop its reference; this one keeps the object until the call is over.
  const std::shared_ptr<BidiStream> self = std::move(self_);
  handler_.OnFinished(FromGrpc(final_status_));
}

}  // namespace warren::client
