// Handle end session
const handleEndSession = async () => {
  try {
    // Stop WebRTC connection
    if (dataChannel && dataChannel.readyState === 'open') {
      dataChannel.close();
    }
    
    if (peerConnection) {
      peerConnection.close();
    }
    
    // Stop audio tracks
    if (stream) {
      stream.getTracks().forEach(track => track.stop());
    }
    
    // Stop video recording
    if (recorder) {
      await recorder.stop();
      // Recording URL will be sent via recorder.on('recording.stopped') event
    }
    
    // Update session status on server
    await fetch(`/api/sessions/${sessionId}/complete`, {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${token}`,
        'Content-Type': 'application/json'
      }
    });
    
    // Show completion message to user
    showCompletionScreen();
  } catch (error) {
    console.error('Error ending session:', error);
    // Show error message to user
  }
};
