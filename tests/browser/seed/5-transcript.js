// Handle incoming transcripts from WebRTC data channel
dataChannel.onmessage = async (event) => {
  try {
    const message = JSON.parse(event.data);
    
    switch (message.type) {
      case 'conversation.item.input_audio_transcription.completed':
        // Candidate transcript
        const candidateEntry = {
          sessionId,
          speaker: 'candidate',
          text: message.transcript,
          timestamp: new Date().toISOString()
        };
        
        // Update UI
        addTranscriptEntry(candidateEntry);
        
        // Send to server
        await sendTranscriptToServer(candidateEntry);
        break;
        
      case 'response.audio_transcript.delta':
        // AI transcript
        if (message.text && message.text.trim()) {
          const aiEntry = {
            sessionId,
            speaker: 'ai',
            text: message.text,
            timestamp: new Date().toISOString()
          };
          
          // Update UI
          addTranscriptEntry(aiEntry);
          
          // Send to server
          await sendTranscriptToServer(aiEntry);
        }
        break;
        
      case 'response.function_call_arguments.done':
        if (message.name === 'end_session') {
          handleEndSession();
        }
        break;
    }
  } catch (error) {
    console.error('Error processing WebRTC message:', error);
  }
};

// Send transcript to server
const sendTranscriptToServer = async (entry) => {
  try {
    await fetch('/api/transcript', {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${token}`,
        'Content-Type': 'application/json'
      },
      body: JSON.stringify(entry)
    });
  } catch (error) {
    console.error('Failed to send transcript to server:', error);
    // Queue for retry
    pendingTranscripts.push(entry);
  }
};
